//! A close, and another open at once, while streams are alive; and a runtime that ends with work in flight.

use futures::{StreamExt, TryStreamExt};
use tokio::runtime::Builder;

use crate::support::{HOUR, World, addrs, peer};

#[tokio::test]
async fn it_opens_again_at_once_while_streams_of_before_are_alive() {
    for world in World::all() {
        let open = world.open().await;
        let before = open.peers.clone();
        for n in 1..=5 {
            before.addresses().add(&peer(n), &addrs(2), HOUR).await.unwrap();
        }
        let mut addresses = before.addresses().stream(&peer(1));
        addresses.next().await.unwrap().unwrap();
        let mut events = before.events().unwrap();
        let mut listing = Box::pin(before.peers());
        listing.next().await.unwrap().unwrap();
        open.close().await;

        let open = world.open().await;
        open.peers.addresses().add(&peer(6), &addrs(1), HOUR).await.unwrap();
        assert_eq!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap().len(), 6);
        // What is of before ends, and tells nothing of after.
        assert!(events.next().await.is_none());
        assert!(listing.next().await.unwrap().is_err());
        let left = addresses.filter_map(async |addr| addr.ok()).collect::<Vec<_>>().await;
        assert!(left.len() <= 1, "no more than it had: {left:?}");
        open.close().await;
    }
}

#[test]
fn a_runtime_that_ends_with_changes_in_flight_leaves_each_whole_or_undone() {
    for world in World::all() {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let open = runtime.block_on(async {
            let open = world.open().await;
            open.peers.protocols().add(&peer(1), &["/acknowledged"]).await.unwrap();
            open.peers.flush().await.unwrap();
            for n in 2..=40 {
                let peers = open.peers.clone();
                tokio::spawn(async move {
                    let update = peerstore::PeerUpdate::new().addresses(addrs(2));
                    drop(peers.merge(&peer(n), &update.protocols(["/a", "/b"])).await);
                });
            }
            tokio::task::yield_now().await;
            open
        });
        // It waits for nothing but what is being polled.
        drop(runtime);
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            open.crash().await;
            let open = world.open().await;
            assert_eq!(open.peers.protocols().get(&peer(1)).await.unwrap(), ["/acknowledged"]);
            let atomic = open.store.capabilities().atomic_batches;
            for n in 2..=40 {
                let Some(found) = open.peers.peer(&peer(n)).await.unwrap() else { continue };
                let counts = (found.addresses.len(), found.protocols.len());
                assert!(counts == (2, 2) || !atomic, "peer {n}: {counts:?}");
            }
            open.close().await;
        });
    }
}
