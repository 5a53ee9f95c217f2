//! A failure at each request of a listing, and pages of a store that are shorter than asked for.

use std::sync::Arc;

use datastore::{ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position, Result};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::{PeerOrder, PeerQuery, Peerstore};

use crate::support::{HOUR, World, addrs, peer};

const PEERS: u8 = 30;

/// Peers in every book, over a store that answers three rows a page.
async fn some_peers(world: &World) -> (Peerstore, Arc<Fault<MemoryDatastore>>) {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let clock = Arc::new(world.clock.clone());
    let peers =
        Peerstore::open_with(Arc::clone(&store) as _, clock, world.options.clone()).await.unwrap();
    for n in 1..=PEERS {
        let id = peer(n);
        match n % 3 {
            0 => peers.addresses().add(&id, &addrs(1), HOUR).await.unwrap(),
            1 => peers.metadata().put_bytes(&id, "n", "x").await.unwrap(),
            _ => peers.protocols().add(&id, &["/a"]).await.unwrap(),
        }
        peers.reputation().succeeded(&id, None).await.unwrap();
        peers.addresses().add(&id, &addrs(1), HOUR).await.unwrap();
    }
    store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(3));
    (peers, store)
}

/// All listings, one after the other.
async fn listings(peers: &Peerstore) -> [Result<Vec<PeerId>>; 5] {
    let page = async |order| {
        let mut query = PeerQuery::default();
        query.order = order;
        peers.page(&query).await.map(|page| page.peers)
    };
    let candidates = peers.reputation().bootstrap_candidates(100).await;
    [
        peers.peers().try_collect().await,
        peers.addresses().peers().try_collect().await,
        page(PeerOrder::Key).await,
        page(PeerOrder::Score).await,
        candidates.map(|all| all.into_iter().map(|candidate| candidate.peer).collect()),
    ]
}

#[tokio::test]
async fn a_listing_is_whole_or_an_error_wherever_the_store_fails() {
    for cache in [0, 1 << 20] {
        let world = World::memory().with(|options| options.cache_bytes = cache);
        let (peers, store) = some_peers(&world).await;
        let count = || [Operation::QueryPage, Operation::Read].map(|of| store.calls(of));
        let before = count();
        let whole = listings(&peers).await.map(Result::unwrap);
        assert_eq!(whole[0].len(), usize::from(PEERS));
        let calls = count();
        let mut failed = 0;
        for (place, operation) in [Operation::QueryPage, Operation::Read].into_iter().enumerate() {
            for call in 0..calls[place] - before[place] {
                store.heal();
                let at = Position::Nth(call);
                store.inject(operation, at, Injected::Error(ErrorKind::Unavailable));
                store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(3));
                for (listing, whole) in listings(&peers).await.into_iter().zip(&whole) {
                    match listing {
                        Ok(found) => assert_eq!(found, *whole, "{operation:?} {call}"),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Unavailable);
                            failed += 1;
                        }
                    }
                }
            }
        }
        let calls: u64 = calls.iter().zip(before).map(|(calls, before)| calls - before).sum();
        assert_eq!(failed, calls, "each failure is told by the listing that it meets");
    }
}
