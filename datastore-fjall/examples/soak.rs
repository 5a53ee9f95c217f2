//! Rewrites records over and over while readers verify them, and shows what the engine makes of it.
//!
//! `cargo run --release -p datastore-fjall --example soak -- [--seconds 60] [--path DIRECTORY]
//! [--writers 4] [--keys 20000] [--value 200] [--distinct]`
//!
//! Prints every few seconds: writes and reads so far and per second, the longest time without a write,
//! the longest time without a flush, resident memory, journals, what the store takes on disk. At the end
//! it reopens the store and verifies every key. Exits with 1 where a value is wrong, or where it stalls:
//! more than 30 s without a write, or without a flush while a million records were written, which is
//! how a deadlock of the engine's workers shows. With `--distinct` every write is of a new key.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a command whose slots are its own"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use datastore::{Batch, Clock, Datastore, DatastoreExt, Key, Query, SystemClock};
use datastore_fjall::FjallDatastore;
use fastrand::Rng;
use futures::TryStreamExt;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Clone, Debug)]
struct Arguments {
    seconds: u64,
    path: Option<PathBuf>,
    writers: usize,
    keys: usize,
    value: usize,
    distinct: bool,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    match soak(arguments()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Arguments {
    let mut arguments = Arguments {
        seconds: 60,
        path: None,
        writers: 4,
        keys: 20_000,
        value: 200,
        distinct: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--distinct" {
            arguments.distinct = true;
            continue;
        }
        let value = given.next().unwrap_or_default();
        let number = || value.parse().unwrap_or_else(|_| usage(&name));
        match &*name {
            "--seconds" => arguments.seconds = number(),
            "--path" => arguments.path = Some(value.into()),
            "--writers" => arguments.writers = number() as usize,
            "--keys" => arguments.keys = number() as usize,
            "--value" => arguments.value = number() as usize,
            _ => usage(&name),
        }
    }
    arguments
}

fn usage(what: &str) -> ! {
    eprintln!("not understood: {what}; see the first lines of examples/soak.rs");
    std::process::exit(2)
}

async fn soak(arguments: Arguments) -> Outcome<()> {
    let scratch = tempfile::tempdir()?;
    let path = arguments.path.clone().unwrap_or_else(|| scratch.path().to_owned());
    let store = Arc::new(FjallDatastore::open(&path).await?);
    let shared = Arc::new(Shared::new(&arguments));

    let mut tasks = Vec::new();
    for writer in 0..arguments.writers {
        let (store, shared) = (Arc::clone(&store), Arc::clone(&shared));
        tasks.push(tokio::spawn(async move { shared.write(&store, writer).await }));
    }
    for reader in 0..2 {
        let (store, shared) = (Arc::clone(&store), Arc::clone(&shared));
        tasks.push(tokio::spawn(async move { shared.read(&store, reader).await }));
    }
    let (stop, watcher) = (Arc::new(AtomicBool::new(false)), Arc::clone(&shared));
    // On a thread: a runtime that is stuck must not keep it from saying so.
    let watch = std::thread::spawn({
        let (stop, path, seconds) = (Arc::clone(&stop), path.clone(), arguments.seconds);
        move || watch(&watcher, &path, seconds, &stop)
    });
    for task in tasks {
        task.await??;
    }
    stop.store(true, Ordering::Relaxed);
    let longest = watch.join().map_err(|_| "the watching thread panicked")?;
    println!(
        "longest time without a write {:.2} s, without a flush {:.2} s",
        longest.write.as_secs_f64(),
        longest.flush.as_secs_f64()
    );

    let clock = SystemClock::new();
    store.close().await?;
    let closed = clock.elapsed();
    let store = FjallDatastore::open(&path).await?;
    let opened = clock.elapsed() - closed;
    println!("close {:.2} s, reopen {:.2} s", closed.as_secs_f64(), opened.as_secs_f64());
    let verified = shared.verify(&store).await?;
    println!("{verified} keys verified after the reopen; {}", resident());
    store.close().await?;
    Ok(())
}

/// Each writer has keys of its own, and their versions in memory: what a read must find or exceed.
struct Shared {
    arguments: Arguments,
    versions: Vec<Vec<AtomicU64>>,
    written: Vec<AtomicU64>,
    writes: AtomicU64,
    reads: AtomicU64,
    done: AtomicBool,
}

impl Shared {
    fn new(arguments: &Arguments) -> Self {
        let keys = || (0..arguments.keys).map(|_| AtomicU64::new(0)).collect();
        Self {
            arguments: arguments.clone(),
            versions: (0..arguments.writers).map(|_| keys()).collect(),
            written: (0..arguments.writers).map(|_| AtomicU64::new(0)).collect(),
            writes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            done: AtomicBool::new(false),
        }
    }

    async fn write(&self, store: &FjallDatastore, writer: usize) -> Outcome<()> {
        let mut random = Rng::with_seed(writer as u64 + 1);
        while !self.done.load(Ordering::Relaxed) {
            let slot = random.usize(..self.arguments.keys);
            if self.arguments.distinct {
                let number = self.written[writer].load(Ordering::Relaxed);
                store.put(&distinct_key(writer, number)?, self.value(writer, number)).await?;
                self.written[writer].store(number + 1, Ordering::Release);
                self.writes.fetch_add(1, Ordering::Relaxed);
            } else if random.usize(..10) == 0 {
                // A batch of two keys: the slot and its twin always have the same version.
                let version = self.versions[writer][slot].load(Ordering::Relaxed) + 1;
                let value = self.value(writer, version);
                let batch = Batch::new()
                    .put(key(writer, slot)?, value.clone())
                    .put(key(writer, slot)?.child("twin")?, value);
                store.commit(batch).await?;
                self.versions[writer][slot].store(version, Ordering::Release);
                self.writes.fetch_add(2, Ordering::Relaxed);
            } else {
                let version = self.versions[writer][slot].load(Ordering::Relaxed) + 1;
                store.put(&key(writer, slot)?, self.value(writer, version)).await?;
                self.versions[writer][slot].store(version, Ordering::Release);
                self.writes.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    async fn read(&self, store: &FjallDatastore, reader: u64) -> Outcome<()> {
        let mut random = Rng::with_seed(reader + 1000);
        while !self.done.load(Ordering::Relaxed) {
            let writer = random.usize(..self.arguments.writers);
            if self.arguments.distinct {
                let written = self.written[writer].load(Ordering::Acquire);
                if written > 0 {
                    let number = random.usize(..written as usize) as u64;
                    let found = store.get(&distinct_key(writer, number)?).await?;
                    if found != Some(self.value(writer, number)) {
                        return Err(format!("writer {writer} key {number}: {found:?}").into());
                    }
                }
            } else {
                let slot = random.usize(..self.arguments.keys);
                let least = self.versions[writer][slot].load(Ordering::Acquire);
                let found = store.get(&key(writer, slot)?).await?;
                if version_of(found.as_ref()) < least {
                    return Err(format!("writer {writer} slot {slot}: older than {least}").into());
                }
            }
            self.reads.fetch_add(1, Ordering::Relaxed);
            // The store gives up its turn by itself; this leaves the writers most of the machine.
            if random.usize(..8) == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn verify(&self, store: &FjallDatastore) -> Outcome<u64> {
        let mut verified = 0;
        if self.arguments.distinct {
            for (writer, written) in self.written.iter().enumerate() {
                let written = written.load(Ordering::Relaxed);
                let prefix = Key::new(format!("/d/{writer}"))?;
                let mut entries = store.query(Query::descendants(prefix));
                let mut number = 0;
                while let Some(entry) = entries.try_next().await? {
                    if entry.value() != Some(&self.value(writer, number)) {
                        return Err(format!("writer {writer} key {number} after the reopen").into());
                    }
                    number += 1;
                }
                if number != written {
                    return Err(format!("writer {writer}: {number} of {written} keys").into());
                }
                verified += number;
            }
            return Ok(verified);
        }
        for (writer, versions) in self.versions.iter().enumerate() {
            for (slot, version) in versions.iter().enumerate() {
                let version = version.load(Ordering::Relaxed);
                let found = store.get(&key(writer, slot)?).await?;
                if version_of(found.as_ref()) != version {
                    return Err(
                        format!("writer {writer} slot {slot}: not version {version}").into()
                    );
                }
                verified += u64::from(found.is_some());
            }
        }
        Ok(verified)
    }

    fn value(&self, writer: usize, version: u64) -> Bytes {
        let mut value = version.to_be_bytes().to_vec();
        let mut random = Rng::with_seed(version + ((writer as u64) << 40));
        while value.len() < self.arguments.value {
            value.extend(random.u64(..).to_be_bytes());
        }
        value.truncate(self.arguments.value.max(8));
        value.into()
    }
}

/// The longest times without something.
#[derive(Clone, Copy, Default)]
struct Longest {
    write: Duration,
    flush: Duration,
}

/// Prints what goes on until the time is over; ends the process where it stalls.
fn watch(shared: &Shared, path: &Path, seconds: u64, stop: &AtomicBool) -> Longest {
    let clock = SystemClock::new();
    let (mut longest, mut shown) = (Longest::default(), (Duration::ZERO, 0, 0));
    let (mut last_write, mut last_flush) = ((Duration::ZERO, 0), (Duration::ZERO, 0));
    let mut newest_table = None;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
        let now = clock.elapsed();
        let writes = shared.writes.load(Ordering::Relaxed);
        let reads = shared.reads.load(Ordering::Relaxed);
        let done = shared.done.load(Ordering::Relaxed);
        if writes != last_write.1 || done {
            last_write = (now, writes);
        }
        let table = newest(&path.join("engine/keyspaces/1/tables"));
        if table != newest_table || done {
            (newest_table, last_flush) = (table, (now, writes));
        }
        longest.write = longest.write.max(now - last_write.0);
        longest.flush = longest.flush.max(now - last_flush.0);
        if now - shown.0 >= SHOWN_EVERY {
            let rate = |count: u64, before| (count - before) as f64 / (now - shown.0).as_secs_f64();
            let (journals, disk) = on_disk(path);
            println!(
                "{:>5.0} s  writes {writes:>10} ({:>7.0}/s)  reads {reads:>10} ({:>7.0}/s)  \
                 no write {:.2} s  no flush {:.2} s  {}  journals {journals}  disk {} MiB",
                now.as_secs_f64(),
                rate(writes, shown.1),
                rate(reads, shown.2),
                longest.write.as_secs_f64(),
                longest.flush.as_secs_f64(),
                resident(),
                disk >> 20,
            );
            shown = (now, writes, reads);
        }
        let unflushed = now - last_flush.0 > STALL && writes - last_flush.1 > STALL_WRITES;
        if now - last_write.0 > STALL || unflushed {
            let missing = if unflushed { "flush" } else { "write" };
            eprintln!("failed: no {missing} for {:.0} s; {}", STALL.as_secs_f64(), resident());
            std::process::exit(1);
        }
        if now >= Duration::from_secs(seconds) {
            shared.done.store(true, Ordering::Relaxed);
        }
    }
    longest
}

/// The largest number that names a file here: of the table that was written last.
fn newest(tables: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(tables).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max()
}

/// How many journals there are, and how long all files are together.
fn on_disk(path: &Path) -> (usize, u64) {
    let (mut journals, mut bytes) = (0, 0);
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                directories.push(entry.path());
            } else {
                bytes += metadata.len();
                let extension = entry.path().extension().is_some_and(|name| name == "jnl");
                journals += usize::from(extension);
            }
        }
    }
    (journals, bytes)
}

/// Resident memory, now and at most, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib >> 10)
    };
    match (field("VmRSS:"), field("VmHWM:")) {
        (Some(now), Some(most)) => format!("memory {now} MiB, at most {most}"),
        _ => "memory unknown".to_owned(),
    }
}

fn key(writer: usize, slot: usize) -> datastore::Result<Key> {
    Key::new(format!("/soak/{writer}/{slot:08}"))
}

fn distinct_key(writer: usize, number: u64) -> datastore::Result<Key> {
    Key::new(format!("/d/{writer}/{number:012}"))
}

fn version_of(value: Option<&Bytes>) -> u64 {
    let first = value.and_then(|value| value.first_chunk::<8>().copied());
    first.map_or(0, u64::from_be_bytes)
}

const STALL: Duration = Duration::from_secs(30);
const STALL_WRITES: u64 = 1_000_000;
const SHOWN_EVERY: Duration = Duration::from_secs(5);
