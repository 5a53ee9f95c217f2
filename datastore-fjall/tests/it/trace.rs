//! A synced commit is acknowledged after the disk has it, and not before: shown by the system calls of
//! a process, since a kill cannot show it.
//!
//! Needs strace, and prints that it is skipped without; with `REQUIRE_STRACE=1` that is a failure.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use datastore::{Batch, Datastore, Durability, Key};
use datastore_fjall::FjallDatastore;
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
    if let Err(reason) = strace_works() {
        assert!(env::var("REQUIRE_STRACE").as_deref() != Ok("1"), "strace is required: {reason}");
        println!("skipped: {reason}");
        return;
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

fn strace_works() -> Result<(), String> {
    let ran = Command::new("strace").args(["-o", "/dev/null", "-y", "true"]).output();
    match ran {
        Err(error) => Err(format!("strace cannot be run: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn trace_of_a_child(directory: &Path) -> Vec<Call> {
    let trace = directory.join("trace");
    let output = Command::new("strace")
        .args(["-f", "-y", "-s", "65536", "-e", "signal=none", "-o"])
        .arg(&trace)
        .args(["-e", "trace=write,writev,pwrite64,pwritev,fdatasync,fsync,sync_file_range"])
        .args(child::command_line("trace::child_that_acknowledges"))
        .env(DIRECTORY, directory.join("store"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    strace::parse(&String::from_utf8_lossy(&std::fs::read(trace).unwrap()))
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
    let mut batch = Batch { durability, ..Batch::new() };
    for part in 0..1 + number % 2 {
        let key = Key::from_segments([kind, &format!("{number}-{part}")]).unwrap();
        batch = batch.put(key, marker(kind, number, part));
    }
    store.commit(batch).await.unwrap();
    child::say(&format!("ack {kind} {number}"));
}
