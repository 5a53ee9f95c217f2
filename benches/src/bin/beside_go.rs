//! Measures our side of a comparison with Go's libraries: the flags, works and lines are those of the Go program,
//! whose script runs both in turns.

use std::process::ExitCode;

use datastore_benches::{BenchRuntime, Flags, Result, beside_go};

const HELP: &str = "\
Measures what a Go program measures of go-libp2p's peerstores and of go-datastore, with the same flags, and prints
one JSON object for each result.

Usage: beside_go [-engine NAME] [-cache PEERS] [-peers N] [-addrs N] [-keys N] [-value BYTES] [-ops N] [-rep N]
                 [-dir FOLDER] SUITE

Suites: peerstore, peerlarge, datastore, datasync";

#[allow(clippy::print_stdout, reason = "help is asked for")]
fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| matches!(argument.as_str(), "-h" | "-help" | "--help")) {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let flags = Flags::parse(arguments)?;
    BenchRuntime::start()?.run(async move { beside_go(&flags).await })?;
    Ok(ExitCode::SUCCESS)
}
