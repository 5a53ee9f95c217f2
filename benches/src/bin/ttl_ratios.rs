//! Compares values that expire with what they are made of, in turns.
#![allow(clippy::print_stdout, reason = "the command prints its table")]

use std::path::{Path, PathBuf};

use clap::Parser;
use datastore_benches::{BenchRuntime, Result, TtlScale, line, ttl_suite, write_json};

/// Compares values that expire with what they are made of, in turns: a sweep with gets and removes of raw
/// fjall, a refresh with a put. Prints the ratios of their times beside their goals.
#[derive(Parser)]
struct Options {
    /// Only comparisons whose name holds this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Fewer values and rounds: a first look
    #[arg(long)]
    quick: bool,
    /// A million values, and ten, as the goals have it; takes some minutes and 8 GB
    #[arg(long, conflicts_with = "quick")]
    full: bool,
    /// File that the ratios are merged into [default: target/ratios.json of this project]
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Directory for the stores [default: target of this project]
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let json = options.json.clone().unwrap_or_else(|| target.join("ratios.json"));
    let dir = options.dir.unwrap_or(target);
    let scale = match (options.quick, options.full) {
        (true, _) => TtlScale::quick(),
        (_, true) => TtlScale::full(),
        _ => TtlScale::usual(),
    };
    let asked = |name: &str| {
        options.filter.is_empty() || options.filter.iter().any(|text| name.contains(text.as_str()))
    };

    std::fs::create_dir_all(&dir)?;
    println!("{}", line(None));
    ttl_suite(&BenchRuntime::start()?, &dir, scale, asked, |row| {
        println!("{}", line(Some(&row)));
        write_json(&json, std::slice::from_ref(&row))
    })
}
