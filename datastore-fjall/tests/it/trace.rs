//! A synced commit is acknowledged after the disk has it, and not before: shown by the system calls of
//! a process, since a kill cannot show it.
//!
//! Needs strace, and prints that it is skipped without; with `REQUIRE_STRACE=1` that is a failure.

use std::env;
use std::error::Error as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Durability, ErrorKind, Key, Outcome, Query};
use datastore_fjall::{FjallDatastore, FjallOptions};
use futures::executor::block_on;
use futures::future::join_all;

use crate::child;
use crate::strace::{self, Call};

const DIRECTORY: &str = "DATASTORE_FJALL_TRACE_DIRECTORY";

/// Commits of each kind, one after the other.
const EACH: usize = 16;

/// Commits at once: threads, and futures of each.
const THREADS: usize = 8;
const FUTURES: usize = 8;

#[test]
fn a_commit_is_acknowledged_once_it_is_as_durable_as_it_was_asked_to_be() {
    if let Some(reason) = no_strace() {
        return println!("skipped: {reason}");
    }
    let directory = tempfile::tempdir().unwrap();
    let calls = trace_of_a_child(directory.path());
    let journal = Journal::of(&calls);

    for number in 0..EACH {
        let acknowledged = acknowledgement(&calls, "synced", number);
        let written = journal.written("synced", number);
        assert!(journal.syncs_between(written, acknowledged) > 0, "synced commit {number}");

        let acknowledged = acknowledgement(&calls, "buffered", number);
        let written = journal.written("buffered", number);
        assert!(written.returned < acknowledged.begun, "buffered commit {number}");
    }
    // What was not synced when it was acknowledged is once `sync` has returned.
    let last = journal.written("buffered", EACH - 1);
    assert!(journal.syncs_between(last, acknowledgement(&calls, "sync", 0)) > 0);

    let group = THREADS * FUTURES;
    let written: Vec<&Call> = (0..group).map(|n| journal.written("group", n)).collect();
    for (number, written) in written.iter().enumerate() {
        let acknowledged = acknowledgement(&calls, "group", number);
        assert!(journal.syncs_between(written, acknowledged) > 0, "commit {number} of the group");
    }
    let first = written.iter().min_by_key(|call| call.begun).unwrap();
    let after = acknowledgement(&calls, "end", 0);
    let syncs = journal.syncs_between(first, after);
    assert!(syncs < group / 2, "{group} commits at once shared {syncs} fsyncs");
    println!(
        "{EACH} synced commits, each acknowledged after an fsync of its journal; {EACH} buffered ones \
         after their write; {group} synced at once share {syncs} fsyncs"
    );
}

#[test]
fn a_failed_fsync_leaves_the_outcome_unknown_and_what_was_acknowledged_durable() {
    if let Some(reason) = no_strace() {
        return println!("skipped: {reason}");
    }
    let directory = tempfile::tempdir().unwrap();
    let inject = format!("inject=fdatasync:error=EIO:when={}+", EACH / 2);
    let options = ["-e", "trace=fdatasync", "-e", &inject];
    let (said, calls) = run_traced(directory.path(), &options, "trace::child_whose_disk_fails");
    assert!(calls.iter().any(|call| !call.succeeded), "an fsync failed");
    let acknowledged = said.lines().filter(|line| line.starts_with("ack")).count();
    assert!((1..EACH).contains(&acknowledged), "{said}");

    let store = block_on(FjallDatastore::open(directory.path().join("store"))).unwrap();
    for number in 0..acknowledged {
        let value = block_on(store.get(&key("synced", number, 0))).unwrap();
        assert_eq!(value.unwrap(), marker("synced", number, 0));
    }
    block_on(store.close()).unwrap();
    println!("{acknowledged} synced commits acknowledged before the fsync that failed, all there");
}

#[test]
#[ignore = "the child of a test"]
fn child_whose_disk_fails() {
    let Some(directory) = child::told(DIRECTORY) else { return };
    block_on(async {
        let store = FjallDatastore::open(&directory).await.unwrap();
        let error = loop {
            let number = store.count(Query::all()).await.unwrap() as usize;
            match store.commit(batch("synced", number, 1, Durability::Synced)).await {
                Ok(()) => child::say(&format!("ack synced {number}")),
                Err(error) => break error,
            }
        };
        assert_eq!(error.outcome(), Some(Outcome::Unknown), "{error:?}");
        assert!(error.source().is_some(), "{error:?}");
        // The engine cannot know what the disk has; so it takes nothing more.
        for durability in [Durability::Buffered, Durability::Synced] {
            let error = store.commit(batch("later", 0, 1, durability)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
            assert_eq!(error.outcome(), Some(Outcome::NotApplied), "{error:?}");
            assert!(error.source().is_some(), "{error:?}");
        }
        assert!(store.sync().await.is_err());
        assert!(store.close().await.is_err(), "what was not synced may be lost");
    });
}

#[test]
fn large_commits_are_written_back_before_a_sync_and_one_that_fails_is_the_last() {
    if let Some(reason) = no_strace() {
        return println!("skipped: {reason}");
    }
    let directory = tempfile::tempdir().unwrap();
    // The disk says once that it lost something.
    let options = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1"];
    let (_, calls) = run_traced(directory.path(), &options, "trace::child_that_never_syncs");
    let failed = calls.iter().filter(|call| !call.succeeded);
    assert_eq!(failed.map(|call| call.file().ends_with(".jnl")).collect::<Vec<_>>(), [true]);
}

#[test]
#[ignore = "the child of a test"]
fn child_that_never_syncs() {
    let Some(directory) = child::told(DIRECTORY) else { return };
    block_on(async {
        // No memtable is flushed, which would begin with a sync.
        let options = FjallOptions::new().memtable_bytes(1 << 40).journal_bytes(1 << 41);
        let store = options.open(&directory).await.unwrap();
        let large = Bytes::from(vec![0; 3 << 20]);
        let mut tries = 0;
        let error = loop {
            let batch = Batch::new().put(key("large", 0, 0), large.clone());
            match store.commit(batch).await {
                Ok(()) => tries += 1,
                Err(error) => break error,
            }
            assert!(tries < 10_000, "nothing was written back");
        };
        assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
        assert!(store.sync().await.is_err());
        assert!(store.close().await.is_err(), "what was not synced may be lost");
    });
}

/// Why strace cannot be run, if it cannot and need not.
fn no_strace() -> Option<String> {
    let reason = match Command::new("strace").args(["-o", "/dev/null", "-y", "true"]).output() {
        Ok(output) if output.status.success() => return None,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("strace cannot be run: {error}"),
    };
    assert!(env::var("REQUIRE_STRACE").as_deref() != Ok("1"), "strace is required: {reason}");
    Some(reason)
}

fn trace_of_a_child(directory: &Path) -> Vec<Call> {
    let calls = "trace=write,writev,pwrite64,pwritev,fdatasync,fsync,sync_file_range";
    let (_, calls) = run_traced(directory, &["-e", calls], "trace::child_that_acknowledges");
    calls
}

/// Runs a child under strace with these options; answers what it said, and its calls.
fn run_traced(directory: &Path, options: &[&str], child: &str) -> (String, Vec<Call>) {
    let trace = directory.join("trace");
    let output = Command::new("strace")
        .args(["-f", "-y", "-s", "65536", "-e", "signal=none", "-o"])
        .arg(&trace)
        .args(options)
        .args(child::command_line(child))
        .env(DIRECTORY, directory.join("store"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    (said, strace::parse(&String::from_utf8_lossy(&std::fs::read(trace).unwrap())))
}

/// The calls on the files of the journal.
struct Journal<'c> {
    writes: Vec<&'c Call>,
    syncs: Vec<&'c Call>,
}

impl<'c> Journal<'c> {
    fn of(calls: &'c [Call]) -> Self {
        let on_journal = |call: &&Call| call.file().ends_with(".jnl") && call.succeeded;
        let (syncs, writes) = calls
            .iter()
            .filter(on_journal)
            .partition(|call| ["fsync", "fdatasync"].contains(&&*call.name));
        Self { writes, syncs }
    }

    /// The write that handed over the last part of a commit.
    fn written(&self, kind: &str, number: usize) -> &'c Call {
        let (first, last) = (marker(kind, number, 0), marker(kind, number, 1));
        let has = |call: &&&Call| call.arguments.contains(&first) || call.arguments.contains(&last);
        self.writes.iter().rfind(has).unwrap_or_else(|| panic!("{first} is in no journal"))
    }

    /// How many syncs of the journal began after a write returned and returned before another call.
    fn syncs_between(&self, written: &Call, then: &Call) -> usize {
        let between = |sync: &&&Call| {
            sync.begun > written.returned
                && sync.returned < then.begun
                && sync.file() == written.file()
        };
        self.syncs.iter().filter(between).count()
    }
}

fn acknowledgement<'c>(calls: &'c [Call], kind: &str, number: usize) -> &'c Call {
    let line = format!("\"ack {kind} {number}\\n\"");
    let is_it = |call: &&Call| call.file().starts_with("pipe:") && call.arguments.contains(&line);
    calls.iter().find(is_it).unwrap_or_else(|| panic!("{line} was not written"))
}

/// What the value of a commit holds, findable in a trace.
fn marker(kind: &str, number: usize, part: usize) -> String {
    format!("[value of {kind} {number}, part {part}]")
}

#[test]
#[ignore = "the child of a test"]
fn child_that_acknowledges() {
    let Some(directory) = child::told(DIRECTORY) else { return };
    let store = block_on(FjallDatastore::open(&directory)).unwrap();
    for number in 0..EACH {
        block_on(commit_and_acknowledge(&store, "synced", number, Durability::Synced));
    }
    for number in 0..EACH {
        block_on(commit_and_acknowledge(&store, "buffered", number, Durability::Buffered));
    }
    block_on(store.sync()).unwrap();
    child::say("ack sync 0");
    thread::scope(|scope| {
        for first in (0..THREADS).map(|thread| thread * FUTURES) {
            let (store, numbers) = (&store, first..first + FUTURES);
            scope.spawn(move || {
                let commit = |n| commit_and_acknowledge(store, "group", n, Durability::Synced);
                block_on(join_all(numbers.map(commit)))
            });
        }
    });
    child::say("ack end 0");
    block_on(store.close()).unwrap();
}

/// Commits one or two operations by turns, which take different ways through the engine.
async fn commit_and_acknowledge(
    store: &FjallDatastore,
    kind: &str,
    number: usize,
    durability: Durability,
) {
    let batch = batch(kind, number, 1 + number % 2, durability);
    store.commit(batch).await.unwrap();
    child::say(&format!("ack {kind} {number}"));
}

fn batch(kind: &str, number: usize, parts: usize, durability: Durability) -> Batch {
    (0..parts).fold(Batch { durability, ..Batch::new() }, |batch, part| {
        batch.put(key(kind, number, part), marker(kind, number, part))
    })
}

fn key(kind: &str, number: usize, part: usize) -> Key {
    Key::from_segments([kind, &format!("{number}-{part}")]).unwrap()
}
