//! What is left of signed records is limited, too.

use std::time::Duration;

use peerstore::{Consumed, VerifiedRecord};

use super::counted::{counted, keys_of};
use crate::support::{HOUR, MINUTE, Open, World, addrs, keypair, peer};

fn of_at_most(world: World, watermarks: usize) -> World {
    world.with(|options| {
        options.limits.watermarks = watermarks;
        options.watermark_ttl = 48 * HOUR;
    })
}

async fn consume(open: &Open, n: u8, sequence: u64, ttl: Duration) -> Consumed {
    let record = VerifiedRecord::seal(&keypair(n), sequence, &addrs(1)).unwrap();
    open.peers.addresses().consume(record.envelope().clone(), ttl).await.unwrap()
}

#[tokio::test]
async fn the_one_that_ends_soonest_goes_first() {
    for world in World::all().into_iter().map(|world| of_at_most(world, 3)) {
        let open = world.open().await;
        for n in [4, 2, 5, 1, 3] {
            assert_eq!(consume(&open, n, 10, HOUR).await, Consumed::Accepted);
        }
        // They end in the order in which they are removed.
        for n in 1..=5 {
            open.peers.remove(&peer(n)).await.unwrap();
            world.clock.advance(MINUTE);
        }
        assert_eq!(counted(&**open.below().await).await.watermarks, 3);
        assert_eq!(open.peers.gc_stats().evicted_watermarks, 2);
        for n in 1..=2 {
            // When its addresses would have ended is still known.
            let left = keys_of(&**open.below().await, &peer(n)).await;
            assert!(left.iter().all(|key| key.starts_with("/peers/expiry/")), "{left:?}");
            assert_eq!(consume(&open, n, 9, HOUR).await, Consumed::Accepted);
        }
        for n in 3..=5 {
            assert_eq!(consume(&open, n, 9, HOUR).await, Consumed::Older);
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_collection_leaves_no_more_of_them() {
    for world in World::all().into_iter().map(|world| of_at_most(world, 3)) {
        let open = world.open().await;
        for n in 1..=9 {
            consume(&open, n, 10, MINUTE * n.into()).await;
        }
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        let counts = counted(&**open.below().await).await;
        assert_eq!((counts.addresses, counts.watermarks), (0, 3));
        assert_eq!(open.peers.counts().await.unwrap(), counts);
        for n in 7..=9 {
            assert_eq!(consume(&open, n, 9, HOUR).await, Consumed::Older);
        }
        open.close().await;
    }
}

#[tokio::test]
async fn peers_that_have_to_go_leave_no_more_of_them() {
    for world in World::all().into_iter().map(|world| of_at_most(world, 3)) {
        let world = world.with(|options| options.limits.peers = 2);
        let open = world.open().await;
        for n in 1..=20 {
            consume(&open, n, 10, HOUR).await;
            let counts = counted(&**open.below().await).await;
            assert!(counts.addresses <= 2 && counts.watermarks <= 3, "{n}: {counts:?}");
            world.clock.advance(MINUTE);
        }
        // A peer that has other rows keeps them.
        open.peers.tags().set(&peer(16), "t", 1, None).await.unwrap();
        consume(&open, 21, 10, HOUR).await;
        consume(&open, 22, 10, HOUR).await;
        assert_eq!(open.peers.tags().get(&peer(16)).await.unwrap().len(), 1);
        assert_eq!(open.peers.counts().await.unwrap(), counted(&**open.below().await).await);
        open.close().await;
    }
}
