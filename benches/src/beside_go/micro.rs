use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{Datastore, SystemClock};
use datastore_fjall::FjallDatastore;
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerstore::{GcStrategy, Peerstore, PeerstoreOptions, VerifiedRecord};

use super::Flags;
use super::data::{addrs_of, keypair};
use super::lines::{emit_time, start};
use super::pcg::Pcg;
use crate::Result;

const HOUR: Duration = Duration::from_secs(3600);

/// An open peerstore with its store.
pub(super) struct Book {
    pub(super) peers: Peerstore,
    store: Arc<FjallDatastore>,
}

impl Book {
    pub(super) async fn open(
        flags: &Flags,
        dir: &Path,
        clock: Arc<dyn datastore::Clock>,
    ) -> Result<Self> {
        let store = Arc::new(FjallDatastore::open(dir).await?);
        let mut options = PeerstoreOptions::default();
        options.gc.strategy = GcStrategy::Manual;
        options.limits.addresses = 0;
        // Half of the memory is for addresses and envelopes; so many peers have room in it.
        options.cache_bytes = (flags.cache * 2 * (2_000 + 300 * flags.addrs)) as u64;
        let peers =
            Peerstore::open_with(Arc::clone(&store) as Arc<dyn Datastore>, clock, options).await?;
        Ok(Self { peers, store })
    }

    pub(super) async fn close(self) -> Result<()> {
        self.peers.close().await?;
        Ok(self.store.close().await?)
    }

    pub(super) async fn sync(&self) -> Result<()> {
        Ok(self.store.sync().await?)
    }
}

struct Peer {
    id: PeerId,
    /// A peer that is like it, and that nobody knows.
    stranger: PeerId,
    addrs: Vec<Multiaddr>,
    envelope: Bytes,
}

/// Many small operations on few peers.
pub(super) async fn run(flags: &Flags, dir: &Path) -> Result<()> {
    let peers = (0..flags.peers).map(|n| peer(n, flags.addrs)).collect::<Result<Vec<_>>>()?;
    let order = Pcg::new(1, 2).permutation(peers.len());
    let order: Vec<&Peer> = order.iter().filter_map(|n| peers.get(*n)).collect();
    let clock = Arc::new(SystemClock::new());
    let open = Book::open(flags, &dir.join("a"), clock.clone()).await?;
    let book = open.peers.addresses();

    let time = start();
    for peer in &order {
        book.add(&peer.id, &peer.addrs, HOUR).await?;
    }
    emit_time(flags, "AddAddrs_new", order.len(), time.elapsed());

    let time = start();
    for peer in &order {
        book.add(&peer.id, &peer.addrs, HOUR).await?;
    }
    emit_time(flags, "AddAddrs_again", order.len(), time.elapsed());

    let time = start();
    for peer in &order {
        expect(book.get(&peer.id).await?.len(), flags.addrs)?;
    }
    emit_time(flags, "Addrs", order.len(), time.elapsed());

    let hot = order.get(..256).unwrap_or(&order);
    let time = start();
    for _ in 0..50 {
        for peer in hot {
            expect(book.get(&peer.id).await?.len(), flags.addrs)?;
        }
    }
    emit_time(flags, "Addrs_hot256", 50 * hot.len(), time.elapsed());

    let time = start();
    for peer in &order {
        expect(book.get(&peer.stranger).await?.len(), 0)?;
    }
    emit_time(flags, "Addrs_missing", order.len(), time.elapsed());

    let time = start();
    for peer in &order {
        book.set(&peer.id, &peer.addrs, 2 * HOUR).await?;
    }
    emit_time(flags, "SetAddrs", order.len(), time.elapsed());

    let time = start();
    let listed = book.peers().try_fold(0, async |n, _| Ok(n + 1)).await?;
    emit_time(flags, "PeersWithAddrs_per_peer", order.len(), time.elapsed());
    expect(listed, order.len())?;

    let time = start();
    for peer in &order {
        book.clear(&peer.id).await?;
    }
    emit_time(flags, "ClearAddrs", order.len(), time.elapsed());
    open.close().await?;
    records(flags, &Book::open(flags, &dir.join("b"), clock).await?, &order).await
}

async fn records(flags: &Flags, open: &Book, order: &[&Peer]) -> Result<()> {
    let book = open.peers.addresses();
    let time = start();
    for peer in order {
        book.consume(peer.envelope.clone(), HOUR).await?;
    }
    emit_time(flags, "ConsumePeerRecord_with_verify", order.len(), time.elapsed());

    let time = start();
    for peer in order {
        book.record(&peer.id).await?.ok_or("a record that was taken is not there")?;
    }
    emit_time(flags, "GetPeerRecord", order.len(), time.elapsed());

    let time = start();
    for peer in order {
        book.consume(peer.envelope.clone(), HOUR).await?;
    }
    emit_time(flags, "ConsumePeerRecord_again_with_verify", order.len(), time.elapsed());

    let time = start();
    for peer in order {
        VerifiedRecord::verify(peer.envelope.clone())?;
    }
    emit_time(flags, "ConsumeEnvelope_only", order.len(), time.elapsed());
    Ok(())
}

fn peer(n: usize, addrs: usize) -> Result<Peer> {
    let (keypair, addrs) = (keypair(n)?, addrs_of(n, addrs));
    let id = keypair.public().to_peer_id();
    let mut stranger = id.to_bytes();
    if let Some(last) = stranger.last_mut() {
        *last ^= 0x55;
    }
    let envelope = VerifiedRecord::seal(&keypair, 1, &addrs)?.envelope().clone();
    Ok(Peer { id, stranger: PeerId::from_bytes(&stranger)?, addrs, envelope })
}

/// A measurement of something that did not happen is worth nothing.
pub(super) fn expect(found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(format!("found {found}, not {expected}").into()) }
}
