//! What nodes of other implementations knew of their peers, taken in as of the moment when each was stopped.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datastore::{Clock, Datastore, TestClock};
use libp2p_identity::PeerId;
use peerstore::interop::Imported;
use peerstore::{GcStrategy, PeerImportOptions, Peerstore, PeerstoreOptions};

use super::teller::Teller;
use crate::commands::peers;
use crate::failure::Result;
use crate::human;
use crate::rows::Format;

/// A node that was stopped: all rows of its datastore.
struct Node {
    name: &'static str,
    rows: &'static [u8],
    /// When, in milliseconds since 1970.
    stopped: u64,
}

const NODES: [Node; 2] = [
    Node {
        name: "go-libp2p",
        rows: include_bytes!("../../../tests/fixtures/go-peerstore.json"),
        stopped: 1_767_226_200_000,
    },
    Node {
        name: "js-libp2p",
        rows: include_bytes!("../../../tests/fixtures/js-peerstore.json"),
        stopped: 1_767_255_676_651,
    },
];

/// What was taken in.
pub(super) struct Taken {
    /// Whose peer each was, and how many addresses it had.
    pub(super) peers: BTreeMap<PeerId, (&'static str, usize)>,
    /// When the last node was stopped.
    pub(super) stopped: SystemTime,
}

impl Taken {
    /// The nodes, by name.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &'static str> + use<> {
        NODES.iter().map(|node| node.name)
    }
}

pub(super) async fn take_in(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<Taken> {
    tell.begin(
        "Take in what two nodes knew of their peers when they were stopped",
        &[
            "let peers = Peerstore::open(store).await?;",
            "importer.push(key, value);               // all rows of a node's datastore",
            "peers.import(&peer, &options).await?;    // signed records are verified; one commit a peer",
        ],
    )?;
    let start = tell.start();
    let mut taken = Taken { peers: BTreeMap::new(), stopped: UNIX_EPOCH };
    let clock = TestClock::new();
    let into = open(store, &clock).await?;
    for Node { name, rows, stopped } in NODES {
        taken.stopped = UNIX_EPOCH + Duration::from_millis(stopped);
        clock.set_now(taken.stopped);
        let Imported { peers, skipped } =
            peers::read(Box::new(Cursor::new(rows)), Some(Format::Dump)).await?;
        let (count, mut addresses, mut left_out) = (peers.len(), 0, skipped.len());
        for mut peer in peers {
            // Whoever can read the store can read them: as elsewhere, nobody asked for them.
            peer.private_key = None;
            let done = into.import(&peer, &PeerImportOptions::default()).await?;
            addresses += done.addresses;
            left_out += done.left_out.len();
            taken.peers.insert(peer.peer, (name, done.addresses));
        }
        let left_out = match left_out {
            0 => String::new(),
            left_out => format!("; {left_out} values that only its language knows are left out"),
        };
        let count = human::peers(count as u64);
        tell.note(&format!("{name}: {count} with {addresses} addresses{left_out}"))?;
    }
    into.close().await?;
    let count = taken.peers.len() as u64;
    tell.end(start, count, &format!("{} are on the disk", human::peers(count)))?;
    Ok(taken)
}

/// Opens the peers of a store at the time that a clock shows; what has expired stays until it is collected.
pub(super) async fn open(store: &Arc<dyn Datastore>, clock: &TestClock) -> Result<Peerstore> {
    let mut options = PeerstoreOptions::default();
    options.gc.strategy = GcStrategy::Manual;
    // One of the peers has more than a node would let it have: all of them are shown.
    options.limits.addresses = 0;
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Ok(Peerstore::open_with(Arc::clone(store), clock, options).await?)
}
