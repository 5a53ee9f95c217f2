//! Compares blocks with what they are made of, in turns: the engine, hashing, a file.
#![allow(clippy::print_stdout, reason = "the command prints its table")]

use std::path::{Path, PathBuf};

use clap::Parser;
use datastore_benches::{BenchRuntime, BlockScale, Result, block_suite, line, write_json};

/// Compares blocks with what they are made of, in turns: a CAR's import with hashing and raw fjall, or a
/// file; a get with that of the datastore. Prints the ratios of their times beside their goals.
#[derive(Parser)]
struct Options {
    /// Only comparisons whose name holds this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Fewer blocks and rounds: a first look
    #[arg(long)]
    quick: bool,
    /// Size of an imported file, in MiB
    #[arg(long, value_name = "MIB")]
    file_mib: Option<usize>,
    /// Size in KiB from which the engine keeps values apart from their keys [default: none are]
    #[arg(long, value_name = "KIB")]
    separate_kib: Option<u32>,
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
    let mut scale = if options.quick { BlockScale::quick() } else { BlockScale::full() };
    if let Some(mib) = options.file_mib {
        scale.bytes = mib << 20;
    }
    scale.tuning.separate_values_from = options.separate_kib.map(|kib| kib << 10);
    let asked = |name: &str| {
        options.filter.is_empty() || options.filter.iter().any(|text| name.contains(text.as_str()))
    };

    std::fs::create_dir_all(&dir)?;
    println!("{}", line(None));
    block_suite(&BenchRuntime::start()?, &dir, scale, asked, |row| {
        println!("{}", line(Some(&row)));
        write_json(&json, std::slice::from_ref(&row))
    })
}
