//! What was acknowledged of peers survives the process, however it ends.
//!
//! A child changes peers with several threads, while another one sweeps and one seals records of the node itself, and
//! acknowledges each change over a pipe after it returned; the parent kills it at a random moment. Then the store
//! is opened, by the parent or by the next child, and held against what was acknowledged. It is one directory all the
//! way, so that what was recovered is recovered again.
//!
//! `PEER_KILLS` sets how many (20), `KILL_SEED` what is written and when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use datastore::{Clock, Datastore, DatastoreExt, Expiry, Query, SystemClock, key};
use datastore_fjall::FjallOptions;
use futures::TryStreamExt;
use futures::executor::block_on;
use libp2p_identity::PeerId;
use peerstore::{Consumed, GcStrategy, Peerstore, PeerstoreOptions, VerifiedRecord};

use crate::child;
use crate::plan::{self, Step};
use crate::random::number_from_env;
use crate::support::keypair;

const DIRECTORY: &str = "PEERSTORE_KILL_DIRECTORY";
const STATE: &str = "PEERSTORE_KILL_STATE";

const WRITERS: u64 = 3;

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    seed: u64,
    /// Steps of each writer.
    steps: [u64; WRITERS as usize],
    /// The number of the node's own record.
    own: u64,
}

#[test]
fn a_killed_process_loses_no_acknowledged_change_of_peers() {
    let (kills, seed) = (number_from_env("PEER_KILLS", 20), number_from_env("KILL_SEED", 1));
    println!("seed {seed}");
    let directory = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut acknowledged = Acknowledged { seed, ..Acknowledged::default() };
    let mut while_opening = 0;
    for kill in 0..kills {
        // It may be about to open the store, or long at work.
        let wait = Duration::from_micros(random.u64(..150_000));
        let since_opened = random.u64(..4) > 0;
        while_opening +=
            u64::from(!run_and_kill(directory.path(), &mut acknowledged, wait, since_opened));
        // By turns the next child or the parent is the first to see what the kill has left.
        if random.u64(..2) == 0 || kill + 1 == kills {
            block_on(look(directory.path(), &acknowledged));
        }
    }
    let sum: u64 = acknowledged.steps.iter().sum();
    println!("{kills} kills ({while_opening} while opening), {sum} acknowledged changes, 0 lost");
    assert!(sum > kills * 10, "the children hardly wrote: {sum}");
}

/// Lets a child write for some time, kills it, and takes note of what it acknowledged; says whether it had opened the
/// store.
fn run_and_kill(
    directory: &Path,
    acknowledged: &mut Acknowledged,
    wait: Duration,
    since_opened: bool,
) -> bool {
    let mut running = child::command("kill::child_that_changes_peers")
        .env(DIRECTORY, directory)
        .env(STATE, acknowledged.encode())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(running.stdout.take().unwrap());
    let (has_opened, opened) = mpsc::sync_channel(1);
    let reader = thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let notice = |line: &String| {
            if line == "opened" {
                let _ = has_opened.try_send(());
            }
        };
        lines.inspect(notice).collect::<Vec<_>>()
    });
    // An error means that it ended before, which is looked at below.
    if !since_opened || opened.recv().is_ok() {
        thread::sleep(wait);
    }
    running.kill().unwrap();
    let status = running.wait().unwrap();
    let lines = reader.join().unwrap();
    assert_eq!(status.code(), None, "the child ended by itself: {lines:?}");
    for line in &lines {
        let mut words = line.split(' ');
        let word = words.next();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        match word {
            Some("ack") => {
                let writer = number() as usize;
                acknowledged.steps[writer] += 1;
                assert_eq!(acknowledged.steps[writer], number(), "acknowledged in order");
            }
            Some("sealed") => {
                let sequence = number();
                assert!(sequence > acknowledged.own, "the node's own record goes back: {line}");
                acknowledged.own = sequence;
            }
            Some("broken") => panic!("{line}"),
            _ => {}
        }
    }
    lines.iter().any(|line| line == "opened")
}

impl Acknowledged {
    fn encode(&self) -> String {
        let numbers = [self.seed, self.own].into_iter().chain(self.steps);
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn decode(text: &str) -> Self {
        let numbers: Vec<u64> = text.split(' ').map(|word| word.parse().unwrap()).collect();
        Self { seed: numbers[0], own: numbers[1], steps: numbers[2..].try_into().unwrap() }
    }
}

async fn open(directory: &Path) -> (Peerstore, Arc<dyn Datastore>) {
    // Small buffers: flushes and compactions are killed too.
    let options = FjallOptions::new().memtable_bytes(FjallOptions::MIN_MEMTABLE_BYTES);
    let store: Arc<dyn Datastore> = Arc::new(options.open(directory.join("store")).await.unwrap());
    let mut options = PeerstoreOptions::default();
    options.gc.strategy = GcStrategy::Manual;
    let clock = Arc::new(SystemClock::new());
    (Peerstore::open_with(Arc::clone(&store), clock, options).await.unwrap(), store)
}

#[test]
#[ignore = "the child of a test"]
fn child_that_changes_peers() {
    let Some(state) = child::told(STATE) else { return };
    let directory = env::var_os(DIRECTORY).unwrap();
    let Acknowledged { seed, own, steps } = Acknowledged::decode(&state);
    let (peers, _store) = block_on(open(Path::new(&directory)));
    child::say("opened");
    let writers = (0..WRITERS).map(|writer| {
        let (peers, done) = (peers.clone(), steps[writer as usize]);
        thread::spawn(move || block_on(write(&peers, seed, writer, done)))
    });
    let mut threads: Vec<_> = writers.collect();
    let sweeping = peers.clone();
    threads.push(thread::spawn(move || block_on(sweep(&sweeping))));
    threads.push(thread::spawn(move || block_on(seal(&peers, own))));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Does one step after the other until it is killed; the first may have been done before.
async fn write(peers: &Peerstore, seed: u64, writer: u64, done: u64) {
    for number in done + 1.. {
        if let Err(error) = Step::of(seed, writer, number).run(peers, writer).await {
            return child::say(&format!("broken step {number} of {writer}: {error:?}"));
        }
        child::say(&format!("ack {writer} {number}"));
    }
}

async fn sweep(peers: &Peerstore) {
    loop {
        if let Err(error) = peers.collect().await {
            return child::say(&format!("broken sweep: {error:?}"));
        }
    }
}

async fn seal(peers: &Peerstore, own: u64) {
    for number in 1_u64.. {
        // Another address than those of before: what has nothing new to say keeps its number.
        let addr = format!("/dns4/own-{own}-{number}.example.com/tcp/4001").parse().unwrap();
        match peers.own_record().seal(&keypair(1), &[addr]).await {
            Ok(record) => child::say(&format!("sealed {}", record.sequence())),
            Err(error) => return child::say(&format!("broken seal: {error:?}")),
        }
    }
}

/// Opens the store, and holds it against what was acknowledged.
async fn look(directory: &Path, acknowledged: &Acknowledged) {
    let (peers, store) = open(directory).await;
    let rows = Rows::of(&*store).await;
    let mut ids = BTreeMap::new();
    for (writer, steps) in (0..).zip(acknowledged.steps) {
        let before = plan::after(acknowledged.seed, writer, steps);
        // The step that was under way is done, or is not.
        let after = plan::after(acknowledged.seed, writer, steps + 1);
        for (peer, known) in before {
            let id = plan::id(writer, peer);
            ids.insert(text(&id), id);
            let found: BTreeSet<String> = lasting(&peers, &id).await;
            let states = [known.addresses(), after[&peer].addresses()];
            assert!(states.contains(&found), "{id}: {found:?} is neither of {states:?}");
            let Some(watermark) = known.watermark else { continue };
            let older = plan::record(&plan::keypair(writer, peer), watermark.saturating_sub(1));
            let taken = peers.addresses().consume(older.envelope().clone(), Duration::ZERO).await;
            assert_eq!(taken.unwrap(), Consumed::Older, "{id} after number {watermark}");
        }
    }
    rows.check(&peers, &ids).await;
    let own = peers.own_record().get(&keypair(1).public().to_peer_id()).await.unwrap();
    let own = own.map_or(0, |envelope| VerifiedRecord::verify(envelope).unwrap().sequence());
    assert!(own >= acknowledged.own, "own record {own}, after {}", acknowledged.own);
    peers.close().await.unwrap();
    let report = store.check().await.unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    store.close().await.unwrap();
}

/// The addresses that are there for long.
async fn lasting(peers: &Peerstore, id: &PeerId) -> BTreeSet<String> {
    let addresses = peers.addresses().get(id).await.unwrap();
    let texts = addresses.iter().map(ToString::to_string);
    texts.filter(|text| !text.starts_with("/dns4/short")).collect()
}

/// The rows that end and the entries by which sweeps find them, as they lie in the store.
struct Rows {
    rows: Vec<String>,
    /// Of each row, the moment of the first entry, in milliseconds since 1970.
    entries: BTreeMap<String, u64>,
}

impl Rows {
    async fn of(store: &dyn Datastore) -> Self {
        let mut rows = Vec::new();
        for book in [key!("/peers/addrs"), key!("/peers/tags")] {
            let keys: Vec<_> =
                store.query_keys(Query::descendants(book)).try_collect().await.unwrap();
            rows.extend(keys.iter().map(ToString::to_string));
        }
        let index = store.query_keys(Query::descendants(key!("/peers/expiry")));
        let mut entries = BTreeMap::new();
        for entry in index.try_collect::<Vec<_>>().await.unwrap() {
            let entry = entry.to_string();
            let rest = entry.strip_prefix("/peers/expiry/").unwrap();
            if let Some((moment, row)) = rest.split_once('/') {
                let moment = u64::from_str_radix(moment, 16).unwrap();
                entries.entry(format!("/{row}")).or_insert(moment);
            }
        }
        Self { rows, entries }
    }

    /// Each row has an entry, at the moment at which the first thing in it ends, or before.
    async fn check(&self, peers: &Peerstore, ids: &BTreeMap<String, PeerId>) {
        let now = SystemClock::new().now();
        for row in &self.rows {
            let id = ids[row.rsplit('/').next().unwrap()];
            let entry = self.entries.get(row);
            let entry = *entry.unwrap_or_else(|| panic!("{row} has no entry in the index"));
            let addresses = peers.addresses().get(&id).await.unwrap();
            let ends = addresses.entries().map(|address| address.expiry()).min();
            let ends = ends.filter(|_| row.starts_with("/peers/addrs"));
            let ends = ends.unwrap_or(Expiry::after(now, Duration::from_secs(3 * 86_400)));
            assert!(entry <= ends.as_millis(), "{row} ends at {ends:?}, its entry is at {entry}");
        }
    }
}

/// The peer's part of a key: CIDv1, libp2p-key, base32.
fn text(id: &PeerId) -> String {
    let cid = [&[0x01, 0x72][..], &id.to_bytes()].concat();
    format!("b{}", data_encoding::BASE32_NOPAD.encode(&cid).to_lowercase())
}
