//! Acknowledged writes survive the process, however it ends, and batches are whole or absent.
//!
//! A child writes with several threads and acknowledges each commit over a pipe after it returned; the
//! parent kills it at a random moment. Then the store is opened, by the parent or by the next child, and
//! held against what the writers did. It is one directory all the way, so that a store that was
//! recovered is recovered again.
//!
//! `KILLS` sets how many (100), `KILL_SEED` what is written and when it ends.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use datastore::{
    Batch, Condition, Datastore, DatastoreExt, ErrorKind, Found, MemoryDatastore, Query, Want, key,
};
use datastore_fjall::{FjallDatastore, FjallOptions};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::child;
use crate::plan::{self, COUNTER, Kind, Step, Writer};
use crate::random::number_from_env;

const DIRECTORY: &str = "DATASTORE_FJALL_KILL_DIRECTORY";
const STATE: &str = "DATASTORE_FJALL_KILL_STATE";

/// When a child is killed.
enum Moment {
    /// So long after it was started: it may be about to open the store.
    SinceStart(Duration),
    /// So long after it began to write.
    SinceOpened(Duration),
}

impl Moment {
    fn choose(random: &mut fastrand::Rng) -> Self {
        let wait = Duration::from_micros(random.u64(..120_000));
        if random.u64(..4) == 0 { Self::SinceStart(wait) } else { Self::SinceOpened(wait) }
    }
}

#[test]
fn a_killed_process_loses_no_acknowledged_write_and_tears_no_batch() {
    let (kills, seed) = (number_from_env("KILLS", 100), number_from_env("KILL_SEED", 1));
    println!("seed {seed}");
    let directory = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut writers = Writer::all(seed);
    let mut sums = Sums::default();
    for _ in 0..kills {
        let moment = Moment::choose(&mut random);
        let result = run_and_kill(directory.path(), &mut writers, moment, &mut sums);
        // By turns the next child or the parent is the first to see what the kill has left.
        let result = match result {
            Ok(()) if random.u64(..2) == 0 => block_on(look(directory.path(), &mut writers)),
            other => other,
        };
        sums.check(result, directory.path());
    }
    sums.check(block_on(look(directory.path(), &mut writers)), directory.path());
    println!("{}", sums.line());
    assert!(sums.acknowledged > kills * 10, "the children hardly wrote: {}", sums.line());
}

/// Counts for the last line.
#[derive(Default)]
struct Sums {
    kills: u64,
    /// Children that were killed before they had opened the store.
    while_opening: u64,
    acknowledged: u64,
    lost: u64,
    torn: u64,
}

impl Sums {
    fn line(&self) -> String {
        let Self { kills, while_opening, acknowledged, lost, torn } = self;
        format!(
            "{kills} kills ({while_opening} while opening), {acknowledged} acknowledged commits, \
             {lost} lost, {torn} torn"
        )
    }

    /// Fails the test if something is missing, and leaves the store for a look.
    fn check(&mut self, result: Result<(), String>, directory: &Path) {
        let Err(broken) = result else { return };
        if broken.contains("torn") {
            self.torn += 1;
        } else {
            self.lost += 1;
        }
        let kept = env::temp_dir().join(format!("datastore-fjall-kill-{}", std::process::id()));
        let _ = std::fs::rename(directory, &kept);
        panic!("{}\n{broken}\nthe store is in {}", self.line(), kept.display());
    }
}

/// Lets a child write for some time, kills it, and takes note of what it acknowledged.
fn run_and_kill(
    directory: &Path,
    writers: &mut [Writer],
    moment: Moment,
    sums: &mut Sums,
) -> Result<(), String> {
    let line = child::command_line("kill::child_that_writes");
    let mut running = Command::new(&line[0])
        .args(&line[1..])
        .env(DIRECTORY, directory)
        .env(STATE, plan::encode(writers))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(running.stdout.take().unwrap());
    let (has_opened, opened) = mpsc::sync_channel(1);
    let reader = thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let notice = |line: &String| {
            if line.starts_with("settled") {
                let _ = has_opened.try_send(());
            }
        };
        lines.inspect(notice).collect::<Vec<_>>()
    });
    match moment {
        Moment::SinceStart(wait) => thread::sleep(wait),
        Moment::SinceOpened(wait) => {
            // An error means that it ended before, which is looked at below.
            if opened.recv().is_ok() {
                thread::sleep(wait);
            }
        }
    }
    running.kill().unwrap();
    let status = running.wait().unwrap();
    let lines = reader.join().unwrap();
    sums.kills += 1;
    let mut opened = false;
    for line in &lines {
        let mut words = line.split(' ');
        let word = words.next();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        match word {
            Some("settled") => {
                opened = true;
                for writer in writers.iter_mut() {
                    let done = number();
                    while writer.done < done {
                        writer.advance(&writer.next_step());
                    }
                }
            }
            Some("ack") => {
                let writer = &mut writers[number() as usize];
                writer.advance(&writer.next_step());
                assert_eq!(writer.done, number(), "acknowledgements in order");
                sums.acknowledged += 1;
            }
            Some("broken") => return Err(line.clone()),
            _ => {}
        }
    }
    sums.while_opening += u64::from(!opened);
    if status.code().is_some() {
        return Err(format!("the child ended by itself, {status}: {lines:?}"));
    }
    Ok(())
}

/// Opens the store, holds it against what the writers did, and closes it.
async fn look(directory: &Path, writers: &mut [Writer]) -> Result<(), String> {
    let store = open(directory).await?;
    plan::settle(&store, writers).await?;
    let report = store.check().await.map_err(|error| format!("{error:?}"))?;
    if !report.is_clean() {
        return Err(format!("lost: {:?}", report.problems));
    }
    store.close().await.map_err(|error| format!("{error:?}"))
}

async fn open(directory: &Path) -> Result<FjallDatastore, String> {
    // Small buffers: flushes and compactions are killed too.
    let options = FjallOptions::new().memtable_bytes(FjallOptions::MIN_MEMTABLE_BYTES);
    options.open(directory.join("store")).await.map_err(|error| format!("lost: {error:?}"))
}

#[test]
#[ignore = "the child of a test"]
fn child_that_writes() {
    let Some(state) = child::told(STATE) else { return };
    let directory = env::var_os(DIRECTORY).unwrap();
    let mut writers = plan::decode(&state);
    let store = block_on(async {
        let store = open(Path::new(&directory)).await?;
        plan::settle(&store, &mut writers).await?;
        Ok::<_, String>(Arc::new(store))
    });
    let store = match store {
        Ok(store) => store,
        Err(broken) => return child::say(&format!("broken {broken}")),
    };
    let done: Vec<String> = writers.iter().map(|writer| writer.done.to_string()).collect();
    child::say(&format!("settled {}", done.join(" ")));
    let threads: Vec<_> = writers
        .into_iter()
        .enumerate()
        .map(|(index, writer)| {
            let store = Arc::clone(&store);
            thread::spawn(move || block_on(write(&*store, index, writer)))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Writes until it is killed.
async fn write(store: &impl Datastore, index: usize, mut writer: Writer) {
    loop {
        let step = writer.next_step();
        let done = match step.kind {
            Kind::Count => count(store, &writer, &step).await,
            _ => store.commit(writer.next_batch(&step)).await,
        };
        match done {
            Ok(()) if step.kind != Kind::Refused => {}
            Err(error) if step.kind == Kind::Refused && error.kind() == ErrorKind::Conflict => {}
            other => return child::say(&format!("broken step {}: {other:?}", writer.done + 1)),
        }
        writer.advance(&step);
        child::say(&format!("ack {index} {}", writer.done));
    }
}

/// Adds one to both counters, again until nobody else did meanwhile.
async fn count(store: &impl Datastore, writer: &Writer, step: &Step) -> datastore::Result<()> {
    loop {
        let counter = store.read(&COUNTER, Want::Value).await?;
        let version = counter.as_ref().and_then(Found::version);
        let counted = counter.and_then(Found::into_value).map_or(0, |value| plan::number(&value));
        let mut batch = Batch::new()
            .put(COUNTER, (counted + 1).to_string())
            .put(writer.counter_key(), (writer.counted + 1).to_string());
        batch.conditions.push(match version {
            None => Condition::Absent(COUNTER),
            Some(version) => Condition::Unchanged(COUNTER, version),
        });
        match store.commit(if step.synced { batch.synced() } else { batch }).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            other => return other,
        }
    }
}

#[test]
fn the_state_of_the_writers_is_told_whole() {
    let mut writers = Writer::all(7);
    for writer in &mut writers {
        for _ in 0..100 {
            writer.advance(&writer.next_step());
        }
    }
    let text = plan::encode(&writers);
    assert_eq!(plan::encode(&plan::decode(&text)), text);
}

#[test]
fn what_is_lost_torn_or_foreign_is_noticed() {
    block_on(async {
        let store = MemoryDatastore::new();
        let mut writers = Writer::all(3);
        for _ in 0..200 {
            let step = writers[0].next_step();
            let done = match step.kind {
                Kind::Count => count(&store, &writers[0], &step).await,
                _ => store.commit(writers[0].next_batch(&step)).await,
            };
            assert_eq!(done.is_ok(), step.kind != Kind::Refused);
            // Whether or not it was acknowledged.
            plan::settle(&store, &mut writers.clone()).await.unwrap();
            writers[0].advance(&step);
            plan::settle(&store, &mut writers).await.unwrap();
        }
        let keys: Vec<_> = store.query_keys(Query::all()).try_collect().await.unwrap();
        for key in keys {
            let value = store.get_required(&key).await.unwrap();
            store.delete(&key).await.unwrap();
            assert!(plan::settle(&store, &mut writers.clone()).await.is_err(), "{key}");
            store.put(&key, value).await.unwrap();
        }
        store.put(&key!("/foreign"), "").await.unwrap();
        assert!(plan::settle(&store, &mut writers).await.is_err());
    });
}
