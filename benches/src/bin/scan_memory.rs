//! Measures how much memory a scan of many keys takes, above the engine's own cache.
#![allow(clippy::print_stdout, reason = "the command prints what it measures")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use datastore::{Datastore, DatastoreExt, Op, Query};
use datastore_benches::{
    BenchRuntime, Data, Resident, Result, Tuning, ValueSize, mib, numbered_key, open_fjall,
};
use futures::{TryStreamExt, stream};

/// Fills a store over fjall with many keys and reads them all through one query; prints the peak of
/// resident memory above the engine's own cache.
#[derive(Parser)]
struct Options {
    /// How many keys
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    keys: usize,
    /// Directory for the store, 2 GB for 10 million keys [default: target of this project]
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    phase: Option<Phase>,
}

/// Each phase runs in a process of its own, so that what filling took is not taken for what reading
/// takes.
#[derive(Clone, Copy, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Phase {
    #[command(hide = true)]
    Fill,
    #[command(hide = true)]
    Scan,
}

/// What the scan may take above the cache.
const GOAL_BYTES: u64 = 64 << 20;

/// Progress is told every so many keys.
const STEP: usize = 1_000_000;

fn main() -> Result<ExitCode> {
    let Options { keys, dir, phase } = Options::parse();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let dir = dir.unwrap_or(target);
    match phase {
        None => {
            std::fs::create_dir_all(&dir)?;
            let dir = tempfile::Builder::new().prefix("scan-memory-").tempdir_in(dir)?;
            for phase in ["fill", "scan"] {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--keys").arg(keys.to_string()).arg("--dir").arg(dir.path());
                if !command.arg(phase).status()?.success() {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Some(Phase::Fill) => BenchRuntime::start()?.run(fill(dir.join("store"), keys))?,
        Some(Phase::Scan) => BenchRuntime::start()?.run(scan(dir.join("store"), keys))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn fill(path: PathBuf, keys: usize) -> Result<()> {
    let store = open_fjall(&path, &Tuning::default()).await?;
    let data = Data::new(0, ValueSize::Small)?;
    let mut filled = 0;
    while filled < keys {
        let count = STEP.min(keys - filled);
        let batch = (filled..filled + count)
            .map(|number| Ok(Op::Put { key: numbered_key(number)?, value: data.value(number) }));
        filled += store.apply_many(stream::iter(batch)).await? as usize;
        println!("filled {filled} keys");
    }
    Ok(store.close().await?)
}

async fn scan(path: PathBuf, keys: usize) -> Result<()> {
    let tuning = Tuning::default();
    let store = open_fjall(&path, &tuning).await?;
    let opened = Resident::now()?;
    let mut entries = store.query(Query::all());
    let mut count = 0;
    while entries.try_next().await?.is_some() {
        count += 1;
        if count % STEP == 0 {
            println!("read {count} keys, {}", Resident::now()?);
        }
    }
    if count != keys {
        return Err(format!("the scan found {count} of {keys} keys").into());
    }
    let read = Resident::now()?;
    let above = read.peak.saturating_sub(tuning.cache_bytes);
    println!("after opening: {opened}\nafter the scan: {read}");
    println!(
        "peak of the whole process above the block cache of {}: {} (goal < {}): {}",
        mib(tuning.cache_bytes),
        mib(above),
        mib(GOAL_BYTES),
        if above < GOAL_BYTES { "ok" } else { "MISSED" },
    );
    Ok(store.close().await?)
}
