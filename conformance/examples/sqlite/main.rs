//! A store on SQLite, and what the suite says of it: how a third party writes a backend.
//!
//! `cargo run --example sqlite` runs all cases, `cargo run --example sqlite -- batches` some.

#![allow(clippy::print_stdout, reason = "an example prints")]

mod store;

use std::process::ExitCode;
use std::sync::Arc;

use datastore::{Error, ErrorKind};
use datastore_conformance::{Suite, reopenable};
use store::SqliteDatastore;
use tempfile::TempDir;

fn main() -> ExitCode {
    let directory = || {
        let error = |source| Error::new(ErrorKind::Unavailable, "no directory").with_source(source);
        tempfile::tempdir().map_err(error)
    };
    let open =
        |dir: Arc<TempDir>| async move { SqliteDatastore::open(dir.path().join("db")).await };
    let filter = std::env::args().nth(1).unwrap_or_default();
    let report = Suite::new(reopenable(directory, open)).run(&filter, |case| println!("{case}"));
    println!(
        "{} passed, {} failed, {} skipped",
        report.passed(),
        report.failed(),
        report.skipped()
    );
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
