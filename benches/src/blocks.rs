//! Blocks, beside what they are made of: the engine, hashing, a file.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, Key, key};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, CarWriter, Cid, ImportOptions, PresenceOptions, RAW,
};
use fjall::PersistMode;
use sha2::{Digest, Sha256};

use crate::measure::now;
use crate::{
    BenchRuntime, Comparison, Goal, RawFjall, Result, Row, Spread, Tuning, alternate, open_fjall,
};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct BlockScale {
    /// Pairs of rounds of an import.
    pub imports: usize,
    /// Bytes of an imported file.
    pub bytes: usize,
    /// Pairs of rounds of reads.
    pub rounds: usize,
    /// Reads of a round.
    pub reads: usize,
    /// Blocks in the store that is read.
    pub stored: usize,
    /// How the engine is opened.
    pub tuning: Tuning,
}

impl BlockScale {
    /// As the goals have it.
    pub fn full() -> Self {
        Self {
            imports: 9,
            bytes: 128 << 20,
            rounds: 101,
            reads: 5000,
            stored: 200_000,
            tuning: Tuning::default(),
        }
    }

    /// A first look.
    pub fn quick() -> Self {
        Self {
            imports: 3,
            bytes: 16 << 20,
            rounds: 21,
            reads: 2000,
            stored: 20_000,
            tuning: Tuning::default(),
        }
    }
}

/// Blocks as small as records, and as large as chunks of files.
const SMALL: usize = 256;
const LARGE: usize = 256 << 10;

/// Blocks that are read over and over, which the engine's cache holds.
const HOT: usize = 1024;

/// The operations of a batch of the raw engine, as many as an import commits at a time.
const BATCH: usize = datastore::MANY_OPS;

/// Lets blocks and what they are made of take turns at the same work below `dir`, and hands each row over
/// as soon as it is known.
///
/// # Errors
/// Those of the stores and the file system, and of `done`.
pub fn block_suite(
    runtime: &BenchRuntime,
    dir: &Path,
    scale: BlockScale,
    filter: impl Fn(&str) -> bool,
    mut done: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let mut row = |name: &str, goal, compare: &dyn Fn(&Path) -> Result<Comparison>| -> Result<()> {
        if !filter(name) {
            return Ok(());
        }
        let scratch = tempfile::tempdir_in(dir)?;
        let comparison = compare(scratch.path())?;
        done(Row { name: name.into(), comparison, goal: Some(goal) })
    };
    // 0.8 of the speed.
    row("blocks/import-256B", Goal::AtMost(1.25), &|dir| {
        let import = Arc::new(Import::prepare(runtime, dir, SMALL, scale)?);
        import.compare(runtime, scale, Import::batches)
    })?;
    // 0.85 of the speed.
    row("blocks/import-256KiB", Goal::AtMost(1.176), &|dir| {
        let import = Arc::new(Import::prepare(runtime, dir, LARGE, scale)?);
        import.compare(runtime, scale, Import::file)
    })?;
    row("blocks/get-hot/256B", Goal::AtMost(1.1), &|dir| {
        let reads = Arc::new(Reads::load(runtime, dir, scale)?);
        let (ours, raw) = (Arc::clone(&reads), reads);
        alternate(
            scale.rounds,
            |_| runtime.run(Arc::clone(&ours).get_blocks(scale.reads)),
            |_| runtime.run(Arc::clone(&raw).get_values(scale.reads)),
        )
    })?;
    // Not a ratio: the time itself, in microseconds.
    row("blocks/has-absent-us", Goal::AtMost(0.2), &|dir| {
        let reads = Arc::new(Reads::load(runtime, dir, scale)?);
        let (ours, raw) = (Arc::clone(&reads), reads);
        let comparison = alternate(
            scale.rounds,
            |_| runtime.run(Arc::clone(&ours).has_blocks(scale.reads)),
            |_| runtime.run(Arc::clone(&raw).has_keys(scale.reads)),
        )?;
        let Spread { low, median, high } = comparison.left;
        let ratio = Spread { low: low / 1e3, median: median / 1e3, high: high / 1e3 };
        Ok(Comparison { ratio, ..comparison })
    })
}

/// A CAR file, and its blocks as the raw engine wants them.
struct Import {
    dir: PathBuf,
    tuning: Tuning,
    entries: Vec<(Vec<u8>, Bytes)>,
}

impl Import {
    fn prepare(runtime: &BenchRuntime, dir: &Path, len: usize, scale: BlockScale) -> Result<Self> {
        let dir = dir.to_owned();
        runtime.run(async move {
            let mut entries = Vec::with_capacity(scale.bytes / len);
            let file = File::create(dir.join(CAR))?;
            let mut writer = CarWriter::new(futures::io::AllowStdIo::new(file), &[]).await?;
            for number in 0..scale.bytes / len {
                let block = numbered(number, len);
                writer.write(&block).await?;
                let (cid, data) = block.into_parts();
                entries.push((key_of(&cid)?.as_bytes().to_vec(), data));
            }
            writer.finish().await?;
            Ok(Self { dir, tuning: scale.tuning, entries })
        })
    }

    /// The import, beside `raw`; opening, closing and removing are outside of their time.
    fn compare(
        self: Arc<Self>,
        runtime: &BenchRuntime,
        scale: BlockScale,
        raw: fn(&Self, &Path) -> Result<f64>,
    ) -> Result<Comparison> {
        let blocks = self.entries.len() as f64;
        alternate(
            scale.imports,
            |_| {
                let import = Arc::clone(&self);
                let took = runtime.run(async move { import.ours().await })?;
                Ok(took / blocks)
            },
            |_| {
                let target = self.dir.join("raw");
                let took = raw(&self, &target)?;
                remove(&target)?;
                Ok(took / blocks)
            },
        )
    }

    async fn ours(&self) -> Result<f64> {
        let target = self.dir.join("ours");
        let store = open_fjall(&target, &self.tuning).await?;
        let blocks = Blockstore::open(Arc::clone(&store)).await?;
        let start = now();
        let source = BufReader::new(File::open(self.dir.join(CAR))?);
        let imported = blocks.import_car(source, ImportOptions::new()).await?;
        let took = start.elapsed();
        if imported.stored.written != self.entries.len() as u64 {
            return Err(format!("an import of {imported:?}").into());
        }
        store.close().await?;
        drop((blocks, store));
        remove(&target)?;
        Ok(took.as_nanos() as f64)
    }

    /// Hashes every block, and puts all of them into the raw engine.
    fn batches(&self, target: &Path) -> Result<f64> {
        let raw = RawFjall::open(target, &self.tuning)?;
        let start = now();
        for entries in self.entries.chunks(BATCH) {
            let mut batch = raw.db().batch().durability(Some(PersistMode::Buffer));
            for (key, value) in entries {
                black_box(Sha256::digest(value));
                batch.insert(raw.keyspace(), &key[..], &value[..]);
            }
            batch.commit()?;
        }
        raw.db().persist(PersistMode::SyncData)?;
        Ok(start.elapsed().as_nanos() as f64)
    }

    /// Hashes every block, and writes all of them to a file.
    fn file(&self, target: &Path) -> Result<f64> {
        let start = now();
        let mut file = File::create(target)?;
        for (_, value) in &self.entries {
            black_box(Sha256::digest(value));
            file.write_all(value)?;
        }
        file.sync_data()?;
        Ok(start.elapsed().as_nanos() as f64)
    }
}

const CAR: &str = "blocks.car";

/// Blocks in a datastore over fjall, and their keys.
struct Reads {
    store: Arc<dyn Datastore>,
    /// As it is opened if nothing else is said, but for the verification.
    plain: Blockstore,
    /// With a filter alone: a cache would answer before it.
    filtered: Blockstore,
    hot: Vec<(Cid, Key)>,
    absent: Vec<(Cid, Key)>,
}

impl Reads {
    fn load(runtime: &BenchRuntime, dir: &Path, scale: BlockScale) -> Result<Self> {
        let dir = dir.join("store");
        runtime.run(async move {
            let store = open_fjall(&dir, &scale.tuning).await?;
            let options = BlockstoreOptions::new().verify_reads(false);
            let plain = options.clone().open(Arc::clone(&store)).await?;
            let all = futures::stream::iter((0..scale.stored).map(|n| numbered(n, SMALL)));
            plain.put_many(all).await?;
            store.compact().await?;
            let presence = PresenceOptions::new().cached_blocks(0);
            let filtered = options.presence(presence).open(Arc::clone(&store)).await?;
            filtered.build_filter(|_| {}).await?;
            let named = |number| {
                let cid = *numbered(number, SMALL).cid();
                Ok((cid, key_of(&cid)?))
            };
            let hot = (0..HOT).map(named).collect::<Result<_>>()?;
            let absent = scale.stored..scale.stored + scale.reads;
            let absent = absent.map(named).collect::<Result<_>>()?;
            Ok(Self { store, plain, filtered, hot, absent })
        })
    }

    async fn get_blocks(self: Arc<Self>, reads: usize) -> Result<f64> {
        let start = now();
        for (cid, _) in self.hot.iter().cycle().take(reads) {
            same(self.plain.get(cid).await?.map(|data| data.len()), Some(SMALL))?;
        }
        Ok(start.elapsed().as_nanos() as f64 / reads as f64)
    }

    async fn get_values(self: Arc<Self>, reads: usize) -> Result<f64> {
        let start = now();
        for (_, key) in self.hot.iter().cycle().take(reads) {
            same(self.store.get(key).await?.map(|data| data.len()), Some(SMALL))?;
        }
        Ok(start.elapsed().as_nanos() as f64 / reads as f64)
    }

    async fn has_blocks(self: Arc<Self>, reads: usize) -> Result<f64> {
        let start = now();
        for (cid, _) in self.absent.iter().take(reads) {
            same(self.filtered.has(cid).await?, false)?;
        }
        Ok(start.elapsed().as_nanos() as f64 / reads as f64)
    }

    async fn has_keys(self: Arc<Self>, reads: usize) -> Result<f64> {
        let start = now();
        for (_, key) in self.absent.iter().take(reads) {
            same(self.store.has(key).await?, false)?;
        }
        Ok(start.elapsed().as_nanos() as f64 / reads as f64)
    }
}

/// The block with this number: noise, no two alike.
fn numbered(number: usize, len: usize) -> Block {
    let mut state = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut data = Vec::with_capacity(len + 8);
    while data.len() < len {
        // xorshift64 (Marsaglia, "Xorshift RNGs").
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(len);
    Block::new(RAW, data)
}

fn key_of(cid: &Cid) -> Result<Key> {
    Ok(key!("/blocks").child_encoded(cid.hash().to_bytes())?)
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found:?} instead of {expected:?}").into())
    }
}

fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else {
        fs::remove_file(path)?;
    }
    Ok(())
}
