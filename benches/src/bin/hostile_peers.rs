//! Sends hostile peers into a peerstore that has proven ones in it, and looks whether memory, disk and the proven
//! peers stay where they are to be.
#![allow(clippy::print_stdout, reason = "the command prints what it measures")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use datastore::{Clock, Datastore, DatastoreExt, Query, SystemClock, key};
use datastore_benches::{BenchRuntime, Resident, Result, Tuning, mib, open_fjall};
use futures::TryStreamExt;
use libp2p_identity::{Keypair, PeerId};
use multiaddr::{Multiaddr, Protocol};
use peerstore::{Peerstore, PeerstoreOptions, VerifiedRecord};
use sha2::{Digest, Sha256};

/// Adds hostile peers with very many addresses each to a peerstore over fjall, some with signed records and
/// protocols, and prints what that takes; ends with 1 if a bound is broken.
#[derive(Parser)]
struct Options {
    /// How many hostile peers
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    peers: u32,
    /// How many addresses each of them has
    #[arg(long, value_name = "N", default_value_t = 1000)]
    addresses: u16,
    /// How many peers are proven
    #[arg(long, value_name = "N", default_value_t = 1000)]
    proven: u32,
    /// The limit of peers, and of watermarks
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    limit: usize,
    /// MiB that the whole process may take: caches, memtables, what the engine compacts, and what the allocator keeps
    #[arg(long, value_name = "MIB", default_value_t = 320)]
    memory: u64,
    /// Directory for the store [default: target of this project]
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
}

const HOUR: Duration = Duration::from_secs(3600);

/// Of so many hostile peers, one has a signed record.
const SIGNED: u32 = 16;

/// Figures are printed this often.
const LINES: u32 = 20;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let dir = options.dir.clone().unwrap_or(target);
    std::fs::create_dir_all(&dir)?;
    let dir = tempfile::Builder::new().prefix("hostile-peers-").tempdir_in(dir)?;
    let path = dir.path().join("store");
    let is_sound = BenchRuntime::start()?.run(async move { run(&options, &path).await })?;
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(options: &Options, path: &Path) -> Result<bool> {
    let clock = Arc::new(SystemClock::new());
    let store = open_fjall(path, &Tuning::default()).await?;
    let mut configured = PeerstoreOptions::default();
    (configured.limits.peers, configured.limits.watermarks) = (options.limit, options.limit);
    let of = Arc::clone(&store);
    let peers = Peerstore::open_with(of, Arc::clone(&clock) as _, configured.clone()).await?;
    for n in 0..options.proven {
        let peer = id("proven", n)?;
        peers.addresses().add(&peer, &addresses(n, 8), HOUR).await?;
        peers.protocols().add(&peer, &["/ipfs/kad/1.0.0"]).await?;
        peers.reputation().succeeded(&peer, Some(Duration::from_millis(40))).await?;
    }
    let mut most = Most::default();
    print_line("proven peers", options.proven, &most.look(&store, &peers).await?);

    let began = clock.elapsed();
    let every = options.peers.div_ceil(LINES).max(1);
    for n in 0..options.peers {
        attack(&peers, n, options).await?;
        if (n + 1) % every == 0 {
            print_line("hostile peers", n + 1, &most.look(&store, &peers).await?);
        }
    }
    let took = clock.elapsed().saturating_sub(began);
    let each = took.as_secs_f64() * 1e6 / f64::from(options.peers.max(1));
    println!("{} hostile peers in {:.1} s, {each:.1} µs each", options.peers, took.as_secs_f64());
    println!("{:?}\n{:?}", peers.counts().await?, peers.gc_stats());
    peers.close().await?;

    let opening = clock.elapsed();
    let peers =
        Peerstore::open_with(Arc::clone(&store), Arc::clone(&clock) as _, configured).await?;
    let counts = peers.counts().await?;
    println!("opened again and counted in {:.2?}", clock.elapsed().saturating_sub(opening));
    let mut bounds = Bounds::default();
    let found = in_place(&peers, options).await?;
    bounds.hold("proven peers in place", found, found == options.proven, options.proven);
    let (most_peers, limit) = (most.peers.max(counts.addresses), options.limit as u64);
    bounds.hold("peers at most", most_peers, most_peers <= limit, limit);
    let most_watermarks = most.watermarks.max(counts.watermarks);
    bounds.hold("watermarks at most", most_watermarks, most_watermarks <= limit, limit);
    let rows = store.count(Query::descendants(key!("/peers/addrs")).keys_only()).await?;
    let counted = counts.addresses + counts.watermarks;
    bounds.hold("rows of addresses", rows, rows == counted, counted);
    let memory = options.memory << 20;
    bounds.hold("memory at most", mib(most.memory), most.memory <= memory, mib(memory));
    // Twice for what is being compacted, and the journals.
    let disk = 2 * bytes(&store).await? + (256 << 20);
    bounds.hold("disk at most", mib(most.disk), most.disk <= disk, mib(disk));
    peers.close().await?;
    store.close().await?;
    Ok(bounds.are_held)
}

async fn attack(peers: &Peerstore, n: u32, options: &Options) -> Result<()> {
    let addrs = addresses(n, options.addresses);
    if n.is_multiple_of(SIGNED) {
        let seed: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
        let keypair = Keypair::ed25519_from_bytes(seed)?;
        let record = VerifiedRecord::seal(&keypair, 1, &addrs)?;
        peers.addresses().consume_verified(&record, HOUR).await?;
        return Ok(());
    }
    let peer = id("hostile", n)?;
    peers.addresses().add(&peer, &addrs, HOUR).await?;
    if n % SIGNED == 1 {
        peers.protocols().add(&peer, &["/hostile/1.0.0"]).await?;
        peers.reputation().failed(&peer).await?;
    }
    Ok(())
}

async fn in_place(peers: &Peerstore, options: &Options) -> Result<u32> {
    let mut found = 0;
    for n in 0..options.proven {
        let peer = id("proven", n)?;
        let addresses = peers.addresses().get(&peer).await?.len() == 8;
        let protocols = peers.protocols().get(&peer).await?.len() == 1;
        let proven = peers.reputation().get(&peer).await?.is_proven();
        found += u32::from(addresses && protocols && proven);
    }
    Ok(found)
}

/// The most that there ever was, of what was looked at.
#[derive(Debug, Default)]
struct Most {
    peers: u64,
    watermarks: u64,
    memory: u64,
    disk: u64,
}

impl Most {
    async fn look(&mut self, store: &Arc<dyn Datastore>, peers: &Peerstore) -> Result<Self> {
        let counts = peers.counts().await?;
        let resident = Resident::now()?;
        let now = Self {
            peers: counts.addresses,
            watermarks: counts.watermarks,
            memory: resident.now,
            disk: store.disk_usage().await?,
        };
        self.peers = self.peers.max(now.peers);
        self.watermarks = self.watermarks.max(now.watermarks);
        self.memory = self.memory.max(resident.peak);
        self.disk = self.disk.max(now.disk);
        Ok(now)
    }
}

fn print_line(what: &str, n: u32, now: &Most) {
    let Most { peers, watermarks, memory, disk } = now;
    let (memory, disk) = (mib(*memory), mib(*disk));
    println!("{n:>9} {what}: {peers} peers, {watermarks} watermarks, memory {memory}, disk {disk}");
}

/// What is held against its bound.
#[derive(Debug)]
struct Bounds {
    are_held: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { are_held: true }
    }
}

impl Bounds {
    fn hold(
        &mut self,
        what: &str,
        is: impl std::fmt::Display,
        held: bool,
        bound: impl std::fmt::Display,
    ) {
        let verdict = if held { "held" } else { "BROKEN" };
        println!("{what}: {is}, of {bound}: {verdict}");
        self.are_held &= held;
    }
}

/// Bytes of all keys and values.
async fn bytes(store: &Arc<dyn Datastore>) -> Result<u64> {
    let entries = store.query(Query::all().sizes_only());
    let sum = async |sum, entry: datastore::Entry| {
        Ok(sum + entry.key().as_bytes().len() as u64 + entry.size().unwrap_or_default())
    };
    Ok(entries.try_fold(0, sum).await?)
}

/// A well-formed id of a key of nobody.
fn id(of: &str, n: u32) -> Result<PeerId> {
    let random = Sha256::new().chain_update(of).chain_update(n.to_be_bytes()).finalize();
    Ok(PeerId::from_bytes(&[&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &random].concat())?)
}

fn addresses(peer: u32, n: u16) -> Vec<Multiaddr> {
    let [_, a, b, c] = peer.to_be_bytes();
    let address = |n: u16| {
        let ip = Protocol::Ip4([11, a, b, c].into());
        Multiaddr::empty().with(ip).with(Protocol::Tcp(4001_u16.wrapping_add(n)))
    };
    (0..n).map(address).collect()
}
