//! Compares the stores with the raw engine, in turns, and holds the ratios against their goals.
#![allow(clippy::print_stdout, reason = "the command prints its table")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use datastore_benches::{RUNTIME_WORKERS, Result, Row, Scale, line, run, suite, write_json};

/// Compares the stores with raw fjall, in turns, in one run; prints the ratios of their times beside
/// their goals.
#[derive(Parser)]
#[command(after_help = "Examples:\n  ratios --quick\n  ratios --filter fjall/get --filter control")]
struct Options {
    /// Only comparisons whose name holds this text; may be given more than once
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Fewer entries and shorter rounds: a first look
    #[arg(long)]
    quick: bool,
    /// Print the names and goals, and measure nothing
    #[arg(long)]
    list: bool,
    /// File that the ratios are merged into [default: target/ratios.json of this project]
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Directory for the stores; they take up to 3 GB [default: target of this project]
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Fail (exit code 1) if a goal is missed
    #[arg(long)]
    strict: bool,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut contests = suite();
    let asked = |name: &str| options.filter.iter().any(|text| name.contains(text.as_str()));
    contests.retain(|contest| options.filter.is_empty() || asked(&contest.name));
    if options.list {
        for contest in contests {
            let goal = contest.goal.map(|goal| goal.to_string()).unwrap_or_default();
            println!("{:<34} {goal}", contest.name);
        }
        return Ok(ExitCode::SUCCESS);
    }

    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let dir = options.dir.unwrap_or_else(|| target.clone());
    std::fs::create_dir_all(&dir)?;
    let scale = if options.quick { Scale::quick() } else { Scale::full() };
    println!(
        "fjall 3.1.13, {RUNTIME_WORKERS} runtime workers, {} processors, allocator {}{}",
        std::thread::available_parallelism()?,
        allocator(),
        if cfg!(debug_assertions) { ", NOT OPTIMISED: build with --release" } else { "" },
    );
    println!("{}", line(None));
    let json = options.json.unwrap_or_else(|| target.join("ratios.json"));
    let mut rows: Vec<Row> = Vec::new();
    run(&contests, &scale, &dir, |row| {
        println!("{}", line(Some(&row)));
        // At once: a run that is interrupted keeps what it measured.
        write_json(&json, std::slice::from_ref(&row))?;
        rows.push(row);
        Ok(())
    })?;

    let misses: Vec<_> = rows.iter().filter(|row| row.is_miss()).collect();
    let goals = rows.iter().filter(|row| row.goal.is_some()).count();
    println!("\n{} of {goals} goals met; written to {}", goals - misses.len(), json.display());
    for row in &misses {
        println!("{}", line(Some(row)));
    }
    let failed = options.strict && !misses.is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The allocator is the one that Rust programs have unless they choose another: the system's.
fn allocator() -> &'static str {
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        "glibc malloc"
    } else {
        "of the system"
    }
}
