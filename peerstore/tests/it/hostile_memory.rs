//! Rows that claim lengths they do not have take no memory for them. It is measured as the address space of a
//! process that does nothing else: a large allocation shows in it whether or not it is ever touched.

use std::env;
use std::process::Command;
use std::sync::Arc;

use datastore::{Datastore, DatastoreExt, Key, MemoryDatastore, TestClock};
use futures::executor::block_on;
use peerstore::interop::read_row;
use peerstore::{GcStrategy, Peerstore, PeerstoreOptions, VerifiedRecord};

use crate::interop::hostile::seeds;
use crate::support::{keypair, peer};

const CHILD: &str = "PEERSTORE_HOSTILE_CHILD";

/// Any of the claims alone is of more.
const MOST: u64 = 64 << 20;

#[test]
fn lengths_that_are_only_claimed_take_no_memory() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: /proc tells how large a process is, on Linux alone");
        return;
    }
    let name = "hostile_memory::the_process_that_reads_them";
    let child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("grew by"), "{said}");
}

#[test]
#[ignore = "a process of its own, which another test starts"]
fn the_process_that_reads_them() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    // Once without claims: what is allocated once is there.
    read_all(&[]);
    let before = largest();
    for claim in claims() {
        read_all(&claim);
    }
    let grown = largest() - before;
    println!("\ngrew by {grown} bytes");
    assert!(grown < MOST, "grew by {grown} bytes");
}

/// The most address space that this process ever had.
fn largest() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// What may stand in the place of a length: numbers of CBOR, of protobuf, and of gob, from 256 MiB on.
fn claims() -> Vec<Vec<u8>> {
    let mut claims = Vec::new();
    for bits in [28, 32, 40, 56, 63] {
        let claimed = 1_u64 << bits;
        for kind in 2..6_u8 {
            claims.push([&[kind << 5 | 27], &claimed.to_be_bytes()[..]].concat());
        }
        let mut varint = Vec::new();
        let mut rest = claimed;
        while rest >= 0x80 {
            varint.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        varint.push(rest as u8);
        claims.push(varint);
        claims.push([&[0xf8], &claimed.to_be_bytes()[..]].concat());
    }
    claims
}

/// Puts the claim at each place of rows that were written, in turn, and reads what comes of it.
fn read_all(claim: &[u8]) {
    let at_each = |row: &[u8], read: &mut dyn FnMut(&[u8])| {
        for at in 0..row.len().min(40) {
            read(&[&row[..at], claim, &row[at + 1..]].concat());
        }
    };
    for (key, value) in seeds() {
        at_each(&value, &mut |altered| drop(read_row(&key, altered)));
    }
    let record = VerifiedRecord::seal(&keypair(1), 7, &crate::support::addrs(2)).unwrap();
    at_each(record.envelope(), &mut |altered| drop(VerifiedRecord::verify(altered.to_vec())));
    block_on(async {
        for (key, value) in own_rows().await {
            let mut altered = Vec::new();
            at_each(&value, &mut |row| altered.push(row.to_vec()));
            for value in altered {
                read_own(&key, value).await;
            }
        }
    });
}

/// A row of each book.
async fn own_rows() -> Vec<(Key, Vec<u8>)> {
    let store = Arc::new(MemoryDatastore::new());
    let peers = open(Arc::clone(&store) as Arc<dyn Datastore>).await;
    fill(&peers).await;
    let mut rows = Vec::new();
    for entry in store.query_page(&datastore::Query::all()).await.unwrap().entries {
        rows.push((entry.key().clone(), entry.value().unwrap().to_vec()));
    }
    peers.close().await.unwrap();
    assert!(rows.len() >= 7, "{rows:?}");
    rows
}

/// Without a thread that collects: it would have a stack.
async fn open(store: Arc<dyn Datastore>) -> Peerstore {
    let mut options = PeerstoreOptions::default();
    options.gc.strategy = GcStrategy::Manual;
    Peerstore::open_with(store, Arc::new(TestClock::new()), options).await.unwrap()
}

async fn fill(peers: &Peerstore) {
    let (peer, hour) = (peer(1), crate::support::HOUR);
    let record = VerifiedRecord::seal(&keypair(1), 7, &crate::support::addrs(2)).unwrap();
    peers.addresses().consume_verified(&record, hour).await.unwrap();
    peers.protocols().add(&peer, &["/a", "/b"]).await.unwrap();
    peers.metadata().put_bytes(&peer, "name", "value").await.unwrap();
    peers.tags().set(&peer, "tag", 7, Some(hour)).await.unwrap();
    peers.reputation().succeeded(&peer, None).await.unwrap();
    peers.keys().set_private(&peer, &keypair(1)).await.unwrap();
    peers.own_record().seal(&keypair(1), &crate::support::addrs(2)).await.unwrap();
}

/// Asks every book; what they answer is judged elsewhere.
async fn read_own(key: &Key, value: Vec<u8>) {
    let store = Arc::new(MemoryDatastore::new());
    store.put(key, value).await.unwrap();
    let peers = open(store).await;
    let peer = peer(1);
    drop(peers.addresses().get(&peer).await);
    drop(peers.protocols().get(&peer).await);
    drop(peers.metadata().get(&peer, "name").await);
    drop(peers.tags().get(&peer).await);
    drop(peers.reputation().get(&peer).await);
    drop(peers.keys().private(&peer).await);
    drop(peers.own_record().get(&peer).await);
    peers.close().await.unwrap();
}
