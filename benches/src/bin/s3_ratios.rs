//! Compares the store on object storage with `object_store`, in turns, against one server.
#![allow(clippy::print_stdout, reason = "the command prints its table")]

use std::path::{Path, PathBuf};

use clap::Parser;
use datastore_benches::{
    BenchRuntime, BenchServer, RemoteScale, Result, line, remote_suite, write_json,
};

/// Compares the store on object storage with raw object_store, in turns, against the server that
/// S3_TEST_ENDPOINT names, or one in this process; prints the ratios of their times beside their goals.
#[derive(Parser)]
struct Options {
    /// Only comparisons whose name holds this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Fewer objects and rounds: a first look
    #[arg(long)]
    quick: bool,
    /// File that the ratios are merged into [default: target/ratios.json of this project]
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let json = options.json.unwrap_or_else(|| target.join("ratios.json"));
    let scale = if options.quick { RemoteScale::quick() } else { RemoteScale::full() };
    let asked = |name: &str| {
        options.filter.is_empty() || options.filter.iter().any(|text| name.contains(text.as_str()))
    };

    let server = BenchServer::start();
    println!("object_store 0.14.2, {server}\n{}", line(None));
    remote_suite(&BenchRuntime::start()?, server, scale, asked, |row| {
        println!("{}", line(Some(&row)));
        write_json(&json, std::slice::from_ref(&row))
    })
}
