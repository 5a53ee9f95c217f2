//! Limits and collections of go-libp2p's address books.

use std::time::Duration;

use datastore::{DatastoreExt, Query, key};
use peerstore::AddressTtl;

use crate::support::{HOUR, MINUTE, Open, World, addrs, peer, sorted};

async fn rows(open: &Open) -> u64 {
    open.below().await.count(Query::descendants(key!("/peers/addrs"))).await.unwrap()
}

#[tokio::test]
async fn of_a_full_book_the_next_to_expire_goes_when_one_is_added_or_set() {
    for world in World::all() {
        let world = world.with(|options| options.limits.addresses = 2);
        let open = world.open().await;
        let (book, id, some) = (open.peers.addresses(), peer(1), addrs(5));
        book.add(&id, &some[..1], HOUR).await.unwrap();
        book.add(&id, &some[1..2], 10 * MINUTE).await.unwrap();
        book.set(&id, &some[2..3], 30 * MINUTE).await.unwrap();
        let left = [some[0].clone(), some[2].clone()];
        assert_eq!(sorted(book.get(&id).await.unwrap()), sorted(left.clone()));
        book.add(&id, &some[3..4], MINUTE).await.unwrap();
        assert_eq!(sorted(book.get(&id).await.unwrap()), sorted(left), "it would be the next");
        book.set(&id, &some[4..], AddressTtl::Permanent).await.unwrap();
        let left = [some[0].clone(), some[4].clone()];
        assert_eq!(sorted(book.get(&id).await.unwrap()), sorted(left));
        open.close().await;
    }
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    for world in World::all() {
        let world = world.with(|options| {
            let limits = &mut options.limits;
            (limits.addresses, limits.protocols, limits.tags) = (0, 0, 0);
            (limits.metadata_entries, limits.metadata_bytes) = (0, 0);
        });
        let open = world.open().await;
        let (id, some) = (peer(1), addrs(200));
        let names: Vec<_> = (0..1_100).map(|n| format!("/{n}")).collect();
        open.peers.addresses().add(&id, &some, HOUR).await.unwrap();
        open.peers.protocols().add(&id, &names).await.unwrap();
        open.peers.metadata().put_bytes(&id, "large", vec![0; 100 << 10]).await.unwrap();
        open.close().await;
        let open = world.open().await;
        assert_eq!(open.peers.addresses().get(&id).await.unwrap().len(), 200);
        assert_eq!(open.peers.protocols().get(&id).await.unwrap().len(), 1_100);
        assert!(open.peers.metadata().get(&id, "large").await.unwrap().is_some());
        open.close().await;
    }
}

#[tokio::test]
async fn purges_leave_four_rows_then_three_three_and_one() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(3));
        let one = |place: usize| &some[place..=place];
        book.add(&peer(1), one(0), MINUTE).await.unwrap();
        book.add(&peer(2), one(0), 3 * MINUTE).await.unwrap();
        book.add(&peer(3), one(0), 2 * MINUTE).await.unwrap();
        book.add(&peer(3), one(1), 3 * MINUTE).await.unwrap();
        book.add(&peer(4), one(0), HOUR).await.unwrap();
        book.add(&peer(4), one(2), AddressTtl::Permanent).await.unwrap();
        open.peers.collect().await.unwrap();
        let mut left = vec![rows(&open).await];
        for _ in 0..3 {
            world.clock.advance(MINUTE);
            open.peers.collect().await.unwrap();
            left.push(rows(&open).await);
        }
        assert_eq!(left, [4, 3, 3, 1]);
        assert_eq!(book.get(&peer(4)).await.unwrap().len(), 2);
        open.close().await;
    }
}

#[tokio::test]
async fn a_collection_looks_at_what_is_due_and_at_nothing_else() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.addresses();
        for n in 1..=20 {
            book.add(&peer(n), &addrs(1), MINUTE * u32::from(n)).await.unwrap();
        }
        world.clock.advance(3 * MINUTE - Duration::from_millis(1));
        let report = open.peers.collect().await.unwrap();
        assert_eq!((report.due, report.removed), (2, 2));
        world.clock.advance(Duration::from_millis(1));
        let report = open.peers.collect().await.unwrap();
        assert_eq!((report.due, report.removed, rows(&open).await), (1, 1, 17));
        open.close().await;
    }
}
