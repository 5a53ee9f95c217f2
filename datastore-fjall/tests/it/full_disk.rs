//! A disk that is full in the middle of commits: typed errors that say what happened, and when there
//! is space again, all that was acknowledged.
//!
//! Needs a small file system (see `small_disk.rs`), and prints that it is skipped where there is none.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Durability, Error, ErrorKind, Key, Outcome};
use datastore_fjall::{FjallDatastore, FjallOptions};
use futures::executor::block_on;

use crate::child;
use crate::random::{self, number_from_env};
use crate::small_disk::SmallDisk;

const DIRECTORY: &str = "DATASTORE_FJALL_FULL_DISK_DIRECTORY";

const DISK_BYTES: u64 = 40 << 20;

/// More than a child ever takes: beyond this it hangs.
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
fn a_full_disk_is_an_error_that_says_what_happened_and_loses_nothing() {
    let disk = match SmallDisk::find() {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: no small file system can be had: {reason}"),
    };
    let directory = tempfile::tempdir().unwrap();
    let line = child::command_line("full_disk::child_that_fills_its_disk");
    let mut running = disk
        .command(directory.path(), DISK_BYTES, &line)
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(running.stdout.take().unwrap());
    let (has_ended, ended) = mpsc::sync_channel(1);
    thread::spawn(move || has_ended.send(output.lines().map_while(Result::ok).collect::<Vec<_>>()));
    let lines = ended.recv_timeout(PATIENCE);
    if lines.is_err() {
        running.kill().unwrap();
    }
    let status = running.wait().unwrap();
    let lines = lines.expect("a child that ends, and does not hang on its full disk").join("\n");
    println!("{lines}");
    assert!(status.success(), "{status}");
    assert!(lines.contains("rounds"), "the child did its work");
}

/// What commits write: how many values of how many bytes, and how durably.
struct Shape {
    name: &'static str,
    most_parts: u64,
    most_bytes: u64,
    durability: Durability,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "single values",
        most_parts: 1,
        most_bytes: 8 << 10,
        durability: Durability::Buffered,
    },
    Shape {
        name: "batches",
        most_parts: 16,
        most_bytes: 16 << 10,
        durability: Durability::Buffered,
    },
    Shape {
        name: "synced batches",
        most_parts: 4,
        most_bytes: 16 << 10,
        durability: Durability::Synced,
    },
    Shape {
        name: "large values",
        most_parts: 3,
        most_bytes: 3 << 20,
        durability: Durability::Buffered,
    },
];

/// Rounds of each shape, with the disk full at another moment each time.
const ROUNDS: u64 = 3;

const THREADS: u64 = 3;

/// Commits of a thread before the disk may be full, and after it is.
const BEFORE: u64 = 8;
const AFTER: u64 = 8;

#[test]
#[ignore = "the child of a test"]
fn child_that_fills_its_disk() {
    let Some(directory) = child::told(DIRECTORY) else { return };
    let seed = number_from_env("FULL_DISK_SEED", 1);
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        for (number, shape) in SHAPES.iter().enumerate() {
            let seed = random::stream(&[seed, round, number as u64]).u64(..);
            let counts = Round { directory: directory.clone().into(), shape, seed }.run();
            for (what, count) in counts {
                *sums.entry(what).or_default() += count;
            }
        }
    }
    child::say(&format!("{} rounds, seed {seed}: {sums:?}", ROUNDS * SHAPES.len() as u64));
}

struct Round {
    directory: PathBuf,
    shape: &'static Shape,
    seed: u64,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Acknowledged,
    NotApplied,
    Unknown,
}

impl Round {
    fn run(&self) -> Vec<(&'static str, u64)> {
        let ballast = self.directory.join("ballast");
        // More than half: what is in the journals is still to be written to tables.
        fill(&ballast, DISK_BYTES / 2 + fastrand::Rng::with_seed(self.seed).u64(..DISK_BYTES / 4));
        let (mut fates, first_error) = block_on(self.write_until_full());
        let reopened = block_on(self.look_while_full(&fates));
        fs::remove_file(&ballast).unwrap();
        block_on(self.look_and_write_again(&mut fates));
        fs::remove_dir_all(self.store()).unwrap();
        let count = |fate| fates.values().filter(|other| **other == fate).count() as u64;
        let counts = vec![
            ("acknowledged", count(Fate::Acknowledged)),
            ("not applied", count(Fate::NotApplied)),
            ("unknown", count(Fate::Unknown)),
            ("opened while full", u64::from(reopened)),
        ];
        child::say(&format!("{}: {counts:?}; first error: {first_error}", self.shape.name));
        counts
    }

    /// Commits with several threads until each has failed, and some more.
    async fn write_until_full(&self) -> (BTreeMap<u64, Fate>, String) {
        let store = self.open().await.unwrap();
        let results: Vec<_> = thread::scope(|scope| {
            let write = |thread| {
                let store = &store;
                scope.spawn(move || block_on(self.write(store, thread)))
            };
            let threads: Vec<_> = (0..THREADS).map(write).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut fates = BTreeMap::new();
        let mut first_error = String::new();
        for (thread_fates, error) in results {
            fates.extend(thread_fates);
            // Those that came later were told that the store is closed.
            if first_error.is_empty() || error.kind() == ErrorKind::Unavailable {
                first_error = format!("{:?}, {:?}: {error}", error.kind(), error.outcome());
            }
        }
        for (number, fate) in &fates {
            match self.found(&store, *number).await {
                Ok(parts) if *fate == Fate::Acknowledged => {
                    assert_eq!(parts, self.parts(*number), "commit {number} while full");
                }
                Ok(_) => {}
                Err(error) => check_read_error(&error),
            }
        }
        if let Err(error) = store.sync().await {
            check_write_error(&error);
        }
        if let Err(error) = store.close().await {
            check_write_error(&error);
        }
        assert_eq!(store.get(&key(0, 0)).await.unwrap_err().kind(), ErrorKind::Closed);
        (fates, first_error)
    }

    async fn write(&self, store: &FjallDatastore, thread: u64) -> (BTreeMap<u64, Fate>, Error) {
        let mut fates = BTreeMap::new();
        let mut failures = 0;
        let mut first_error = None;
        for number in (0..).map(|n| n * THREADS + thread) {
            let result = store.commit(self.batch(number)).await;
            let Err(error) = result else {
                fates.insert(number, Fate::Acknowledged);
                assert!(number < DISK_BYTES, "the disk does not fill up");
                continue;
            };
            assert!(number >= BEFORE * THREADS, "commit {number} has space: {error:?}");
            fates.insert(number, check_write_error(&error));
            first_error.get_or_insert(error);
            failures += 1;
            if failures == AFTER {
                break;
            }
        }
        (fates, first_error.unwrap())
    }

    /// Whether it can be opened is up to the engine; it never panics, hangs, or calls it damage.
    async fn look_while_full(&self, fates: &BTreeMap<u64, Fate>) -> bool {
        match self.open().await {
            Ok(store) => {
                // The engine may find out only now that it cannot write its tables.
                if let Err(error) = self.check(&store, fates).await {
                    check_read_error(&error);
                }
                if let Err(error) = store.close().await {
                    check_write_error(&error);
                }
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                false
            }
        }
    }

    async fn look_and_write_again(&self, fates: &mut BTreeMap<u64, Fate>) {
        let store = self.open().await.unwrap();
        self.check(&store, fates).await.unwrap();
        let report = store.check().await.unwrap();
        assert!(report.is_clean(), "{report:?}");
        let next = fates.keys().max().unwrap() + 1;
        // Little, since there may be little space yet.
        for number in next..next + 4 {
            store.put(&key(number, 0), "again").await.unwrap();
        }
        store.sync().await.unwrap();
        store.close().await.unwrap();
        let store = self.open().await.unwrap();
        self.check(&store, fates).await.unwrap();
        for number in next..next + 4 {
            assert_eq!(store.get_required(&key(number, 0)).await.unwrap(), "again");
        }
        store.close().await.unwrap();
    }

    async fn check(
        &self,
        store: &FjallDatastore,
        fates: &BTreeMap<u64, Fate>,
    ) -> datastore::Result<()> {
        for (number, fate) in fates {
            let found = self.found(store, *number).await?;
            let all = self.parts(*number);
            match fate {
                Fate::Acknowledged => assert_eq!(found, all, "commit {number} was acknowledged"),
                Fate::NotApplied => assert_eq!(found, 0, "commit {number} was not applied"),
                Fate::Unknown => assert!(found == 0 || found == all, "commit {number} is torn"),
            }
        }
        Ok(())
    }

    /// How many values of a commit are there; whatever is there must be right.
    async fn found(&self, store: &FjallDatastore, number: u64) -> datastore::Result<u64> {
        let mut found = 0;
        for part in 0..self.parts(number) {
            if let Some(value) = store.get(&key(number, part)).await? {
                assert!(value == self.value(number, part), "value {part} of commit {number}");
                found += 1;
            }
        }
        Ok(found)
    }

    async fn open(&self) -> datastore::Result<FjallDatastore> {
        let options = FjallOptions::new().memtable_bytes(4 << 20).cache_bytes(1 << 20);
        options.open(self.store()).await
    }

    fn store(&self) -> PathBuf {
        self.directory.join("store")
    }

    fn batch(&self, number: u64) -> Batch {
        let parts =
            (0..self.parts(number)).map(|part| (key(number, part), self.value(number, part)));
        let batch = Batch { durability: self.shape.durability, ..Batch::new() };
        parts.fold(batch, |batch, (key, value)| batch.put(key, value))
    }

    fn parts(&self, number: u64) -> u64 {
        1 + random::stream(&[self.seed, number]).u64(..self.shape.most_parts)
    }

    fn value(&self, number: u64, part: u64) -> Bytes {
        let mut random = random::stream(&[self.seed, number, part]);
        // The first commits are small, so that they find space.
        let most = if number < BEFORE * THREADS { 100 } else { self.shape.most_bytes };
        let len = random.u64(..most);
        random::bytes(&mut random, len).into()
    }
}

fn key(number: u64, part: u64) -> Key {
    Key::from_segments([format!("{number:08}"), part.to_string()]).unwrap()
}

/// A failed write has a kind that says what to do, the cause, and its outcome.
fn check_write_error(error: &Error) -> Fate {
    check_read_error(error);
    match error.outcome().unwrap_or_else(|| panic!("an outcome: {error:?}")) {
        Outcome::NotApplied => Fate::NotApplied,
        Outcome::Unknown => Fate::Unknown,
    }
}

fn check_read_error(error: &Error) {
    let kinds = [ErrorKind::Unavailable, ErrorKind::Closed];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    let cause = std::error::Error::source(error).unwrap_or_else(|| panic!("a cause: {error:?}"));
    // Or a thread of the engine found no space, and gave back by now what it had taken.
    let why = ["No space left", "full disk"];
    assert!(why.iter().any(|why| cause.to_string().contains(why)), "a cause in words: {cause}");
}

/// Writes a file of so many bytes.
fn fill(path: &Path, bytes: u64) {
    let mut file = File::create(path).unwrap();
    let zeros = vec![0; 1 << 20];
    let mut left = bytes as usize;
    while left > 0 {
        let part = left.min(zeros.len());
        file.write_all(&zeros[..part]).unwrap();
        left -= part;
    }
}
