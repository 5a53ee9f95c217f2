//! `dstore`: any store that `datastore-open` opens, from the command line.
//!
//! [`cli`] is what it understands, `commands` has a file for each command, and [`session`] runs one:
//! whatever happens to it, the stores that it opened are closed.

mod byte_range;
mod byte_size;
mod cli;
mod commands;
mod exit;
mod failure;
mod files;
mod human;
mod notices;
mod output;
mod progress;
mod rows;
mod scratch;
mod selection;
mod session;
mod signals;
mod sink;
mod so_far;
mod source;
mod span;
mod store_arg;
mod stores;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Prints help and refusals itself, and exits with 0 or 2.
    let cli = cli::Cli::parse();
    notices::show();
    session::run(cli)
}
