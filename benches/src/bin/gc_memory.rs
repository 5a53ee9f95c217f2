//! Measures how much memory a garbage collection of many blocks takes, above the engine's own cache.
#![allow(clippy::print_stdout, reason = "the command prints what it measures")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use clap::{Parser, Subcommand};
use datastore::Datastore;
use datastore_benches::{BenchRuntime, Resident, Result, Tuning, mib, open_fjall};
use datastore_blocks::{
    Block, Blockstore, Cid, DAG_PB, GcOptions, PbLink, PbNode, PinOptions, RAW,
};

/// Fills a store over fjall with many small blocks, half of them reached from pins, and collects the rest;
/// prints the peak of resident memory above the engine's own cache.
#[derive(Parser)]
struct Options {
    /// How many blocks
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    blocks: u64,
    /// Directory for the store, 2 GB for 10 million blocks [default: target of this project]
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    phase: Option<Phase>,
}

/// Each phase runs in a process of its own, so that what filling took is not taken for what collecting
/// takes.
#[derive(Clone, Copy, Subcommand)]
#[command(disable_help_subcommand = true)]
enum Phase {
    #[command(hide = true)]
    Fill,
    #[command(hide = true)]
    Collect,
}

/// Leaves of a DAG; it has a root besides.
const LEAVES: u64 = 999;

/// Progress is told every so many blocks.
const STEP: u64 = 1_000_000;

fn main() -> Result<ExitCode> {
    let Options { blocks, dir, phase } = Options::parse();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let dir = dir.unwrap_or(target);
    match phase {
        None => {
            std::fs::create_dir_all(&dir)?;
            let dir = tempfile::Builder::new().prefix("gc-memory-").tempdir_in(dir)?;
            for phase in ["fill", "collect"] {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--blocks").arg(blocks.to_string()).arg("--dir").arg(dir.path());
                if !command.arg(phase).status()?.success() {
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Some(Phase::Fill) => BenchRuntime::start()?.run(fill(dir.join("store"), blocks))?,
        Some(Phase::Collect) => BenchRuntime::start()?.run(collect(dir.join("store"), blocks))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// DAGs of a root and its leaves; every other one is pinned.
async fn fill(path: PathBuf, blocks: u64) -> Result<()> {
    let store = open_fjall(&path, &Tuning::default()).await?;
    let filled = Blockstore::open(Arc::clone(&store)).await?;
    for dag in 0..dags(blocks) {
        let leaves =
            (0..LEAVES).map(|leaf| Block::new(RAW, (dag * LEAVES + leaf).to_le_bytes().to_vec()));
        let mut batch: Vec<Block> = leaves.collect();
        let root = root_of(batch.iter().map(|block| *block.cid()));
        let cid = *root.cid();
        batch.push(root);
        filled.put_batch(batch).await?;
        if dag % 2 == 0 {
            filled.pins().pin_recursive(&cid, PinOptions::new().check(false)).await?;
        }
        let count = (dag + 1) * (LEAVES + 1);
        if count.is_multiple_of(STEP) {
            println!("filled {count} blocks");
        }
    }
    Ok(store.close().await?)
}

async fn collect(path: PathBuf, blocks: u64) -> Result<()> {
    let tuning = Tuning::default();
    let store = open_fjall(&path, &tuning).await?;
    let opened = Resident::now()?;
    let filled = Blockstore::open(Arc::clone(&store)).await?;
    let report = filled.collect_garbage(GcOptions::new()).await?;
    let collected = Resident::now()?;
    let kept = dags(blocks).div_ceil(2) * (LEAVES + 1);
    let swept = dags(blocks) * (LEAVES + 1) - kept;
    if (report.kept, report.swept) != (kept, swept) {
        return Err(format!("{report:?} instead of {kept} kept and {swept} swept").into());
    }
    let above = collected.peak.saturating_sub(tuning.cache_bytes);
    println!("after opening: {opened}\nafter {kept} blocks kept and {swept} swept: {collected}");
    println!(
        "peak of the whole process above the block cache of {}: {}",
        mib(tuning.cache_bytes),
        mib(above)
    );
    Ok(store.close().await?)
}

fn dags(blocks: u64) -> u64 {
    blocks.div_ceil(LEAVES + 1)
}

fn root_of(leaves: impl Iterator<Item = Cid>) -> Block {
    let links = leaves.map(|cid| PbLink { cid, name: None, tsize: None }).collect();
    Block::new(DAG_PB, PbNode { links, data: None }.encode())
}
