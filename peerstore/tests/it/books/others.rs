//! Protocols, tags, reputation, and peers as a whole.

use std::collections::BTreeSet;

use datastore::{DatastoreExt, ErrorKind, Query, key};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::PeerQuery;

use crate::support::{HOUR, MINUTE, SECOND, World, addrs, keypair, peer};

#[tokio::test]
async fn protocols_are_a_set_with_a_cap() {
    for world in World::all() {
        let world = world.with(|options| options.limits.protocols = 3);
        let open = world.open().await;
        let book = open.peers.protocols();
        book.add(&peer(1), &["/b", "/a", "/b"]).await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap(), ["/a", "/b"]);
        assert_eq!(book.supports(&peer(1), &["/x", "/b", "/a"]).await.unwrap(), ["/b", "/a"]);
        let first = book.first_supported(&peer(1), &["/x", "/b"]).await.unwrap();
        assert_eq!(first.as_deref(), Some("/b"));
        let error = book.add(&peer(1), &["/c", "/d"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = book.set(&peer(1), &["/1", "/2", "/3", "/4"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(book.get(&peer(1)).await.unwrap(), ["/a", "/b"]);
        book.remove(&peer(1), &["/a", "/missing"]).await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap(), ["/b"]);
        book.set(&peer(1), &[] as &[&str]).await.unwrap();
        assert!(!open.peers.has(&peer(1)).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn removing_a_peer_leaves_nothing_of_it_and_all_of_the_others() {
    for world in World::all() {
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        for n in [1, 2] {
            let id = peer(n);
            open.peers.addresses().add(&id, &addrs(2), HOUR).await.unwrap();
            open.peers.protocols().add(&id, &["/a"]).await.unwrap();
            open.peers.metadata().put_bytes(&id, "a/b", "1").await.unwrap();
            open.peers.metadata().put_bytes(&id, "", "2").await.unwrap();
            open.peers.tags().set(&id, "t", 1, Some(HOUR)).await.unwrap();
            open.peers.reputation().failed(&id).await.unwrap();
            open.peers.keys().set_private(&id, &keypair(n)).await.unwrap();
        }
        let text = |n| {
            let cid = [&[0x01, 0x72][..], &peer(n).to_bytes()].concat();
            format!("b{}", data_encoding::BASE32_NOPAD.encode(&cid).to_lowercase())
        };
        let rows = async |n| {
            let all: Vec<_> =
                open.below().await.query_keys(Query::all()).try_collect().await.unwrap();
            let of = all.iter().filter(|key| key.to_string().contains(&text(n)));
            of.filter(|key| !key.to_string().starts_with("/peers/expiry/")).count()
        };
        let before = rows(2).await;
        assert_eq!(before, 7);
        open.peers.remove(&peer(1)).await.unwrap();
        assert_eq!((rows(1).await, rows(2).await), (0, before));
        assert_eq!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap(), [peer(2)]);
        // What the index still has of it is settled when it is due.
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        let entries = open.below().await.count(Query::descendants(key!("/peers/expiry")));
        assert!(entries.await.unwrap() <= 1);
        open.close().await;
    }
}

#[tokio::test]
async fn what_is_forgotten_is_named_by_no_key() {
    for world in World::all() {
        let open = world.open().await;
        for n in 1..=3 {
            // Each is refreshed, so that the index has an entry before its time.
            for ttl in [HOUR, 7 * 24 * HOUR] {
                open.peers.addresses().add(&peer(n), &addrs(2), ttl).await.unwrap();
                open.peers.tags().set(&peer(n), "t", 1, Some(ttl)).await.unwrap();
            }
        }
        let naming = async |n| {
            let cid = [&[0x01, 0x72][..], &peer(n).to_bytes()].concat();
            let text = data_encoding::BASE32_NOPAD.encode(&cid).to_lowercase();
            let all: Vec<_> =
                open.below().await.query_keys(Query::all()).try_collect().await.unwrap();
            all.into_iter().filter(|key| key.to_string().contains(&text)).count()
        };
        let before = naming(2).await;
        assert_eq!(before, 4, "two rows, and an entry of each");
        open.peers.forget(&peer(1)).await.unwrap();
        assert_eq!((naming(1).await, naming(2).await), (0, before));
        open.peers.remove(&peer(2)).await.unwrap();
        open.peers.forget(&peer(2)).await.unwrap();
        assert_eq!((naming(2).await, naming(3).await), (0, before));
        // What is left is collected as ever.
        world.clock.advance(7 * 24 * HOUR);
        open.peers.collect().await.unwrap();
        assert_eq!(naming(3).await, 0);
        open.close().await;
    }
}

#[tokio::test]
async fn peers_are_listed_once_and_in_pages() {
    for world in World::all() {
        let open = world.open().await;
        let mut expected = BTreeSet::new();
        for n in 1..=20_u8 {
            let id = peer(n);
            expected.insert(id);
            match n % 4 {
                0 => open.peers.addresses().add(&id, &addrs(1), HOUR).await.unwrap(),
                1 => open.peers.protocols().add(&id, &["/a"]).await.unwrap(),
                2 => open.peers.metadata().put_bytes(&id, "name", "1").await.unwrap(),
                _ => open.peers.tags().set(&id, "t", 1, None).await.unwrap(),
            }
            open.peers.metadata().put_bytes(&id, "also", "1").await.unwrap();
        }
        let all: Vec<_> = open.peers.peers().try_collect().await.unwrap();
        assert_eq!(all.len(), expected.len());
        assert_eq!(all.iter().copied().collect::<BTreeSet<PeerId>>(), expected);
        for size in [1, 3, 7, 20, 100] {
            let (mut paged, mut query) = (Vec::new(), PeerQuery::default());
            query.limit = Some(size);
            loop {
                let page = open.peers.page(&query).await.unwrap();
                assert!(page.peers.len() <= size);
                paged.extend(page.peers);
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
            assert_eq!(paged, all, "pages of {size}");
        }
        let mut query = PeerQuery::default();
        query.protocol = Some("/a".to_owned());
        assert_eq!(open.peers.page(&query).await.unwrap().peers.len(), 5);
        let mut query = PeerQuery::default();
        query.with_addresses = true;
        assert_eq!(open.peers.page(&query).await.unwrap().peers.len(), 5);
        open.close().await;
    }
}

#[tokio::test]
async fn those_that_answered_are_ranked_and_proposed_for_a_start() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.reputation();
        for _ in 0..3 {
            book.succeeded(&peer(1), Some(SECOND)).await.unwrap();
            book.failed(&peer(2)).await.unwrap();
        }
        book.succeeded(&peer(3), Some(SECOND)).await.unwrap();
        world.clock.advance(MINUTE);
        let ranked = book.rank(&[peer(2), peer(3), peer(4), peer(1)]).await.unwrap();
        assert_eq!(ranked.len(), 4);
        assert_eq!(ranked.first(), Some(&peer(1)));
        for n in 1..=4 {
            let addr = format!("/ip4/{}.1.2.3/tcp/4001", 50 + n).parse().unwrap();
            open.peers.addresses().add(&peer(n), &[addr], HOUR).await.unwrap();
        }
        let start = book.bootstrap_candidates(10).await.unwrap();
        let start = start.into_iter().map(|candidate| candidate.peer);
        assert_eq!(start.collect::<BTreeSet<_>>(), BTreeSet::from([peer(1), peer(3)]));
        open.close().await;
    }
}

#[tokio::test]
async fn after_close_every_call_says_so() {
    for world in World::all() {
        let open = world.open().await;
        let peers = open.peers.clone();
        open.close().await;
        let id = peer(1);
        let errors = [
            peers.addresses().get(&id).await.map(drop),
            peers.addresses().add(&id, &addrs(1), HOUR).await,
            peers.addresses().add(&id, &[], HOUR).await,
            peers.protocols().get(&id).await.map(drop),
            peers.metadata().get(&id, "a").await.map(drop),
            peers.keys().public(&id).await.map(drop),
            peers.tags().get(&id).await.map(drop),
            peers.reputation().failed(&id).await,
            peers.remove(&id).await,
            peers.collect().await.map(drop),
            peers.events().map(drop),
            peers.peers().try_collect::<Vec<_>>().await.map(drop),
        ];
        for (place, error) in errors.into_iter().enumerate() {
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Closed, "call {place}");
        }
        peers.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_hundred_changes_of_one_peer_at_once_all_land() {
    for world in World::all() {
        let open = world.open().await;
        let some = addrs(60);
        let book = open.peers.addresses();
        let id = peer(1);
        let adds = some.chunks(1).map(|addr| book.add(&id, addr, HOUR));
        futures::future::try_join_all(adds).await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 60);
        open.close().await;
    }
}

#[tokio::test]
async fn a_reader_that_is_not_polled_keeps_no_writer_waiting() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.addresses();
        let (id, some) = (peer(1), addrs(2));
        let mut reader = Box::pin(book.get(&id));
        let _ = futures::future::poll_immediate(&mut reader).await;
        book.add(&id, &some, HOUR).await.unwrap();
        assert_eq!(book.get(&id).await.unwrap().len(), 2);
        drop(reader);
        assert_eq!(book.get(&id).await.unwrap().len(), 2);
        open.close().await;
    }
}

#[tokio::test]
async fn rows_that_no_cache_holds_are_never_stale() {
    for world in World::all() {
        let world = world.with(|options| options.cache_bytes = 2_000);
        let open = world.open().await;
        let (book, some, id) = (open.peers.addresses(), addrs(40), peer(1));
        for n in 1..=some.len() {
            let mut reader = Box::pin(book.get(&id));
            let early = futures::future::poll_immediate(&mut reader).await;
            book.add(&peer(1), &some[..n], HOUR).await.unwrap();
            if early.is_none() {
                reader.await.unwrap();
            }
            assert_eq!(book.get(&peer(1)).await.unwrap().len(), n);
        }
        open.close().await;
    }
}

#[tokio::test]
async fn forgetting_a_peer_takes_its_rows_out_of_quarantine() {
    for world in World::all() {
        let open = world.open().await;
        let id = peer(1);
        open.peers.protocols().add(&id, &["/a"]).await.unwrap();
        let rows = Query::descendants(key!("/peers/protos"));
        let row = open.below().await.query_keys(rows).try_next().await.unwrap().unwrap();
        open.peers.close().await.unwrap();
        open.store.put(&row, "garbage").await.unwrap();
        let options = world.options.clone();
        let clock = std::sync::Arc::new(world.clock.clone());
        let store = std::sync::Arc::clone(&open.store);
        let peers = peerstore::Peerstore::open_with(store, clock, options).await.unwrap();
        peers.protocols().remove(&id, &["/a"]).await.unwrap();
        peers.flush().await.unwrap();
        let aside = Query::descendants(key!("/peers/quarantine"));
        assert_eq!(open.store.count(aside.clone()).await.unwrap(), 1);
        peers.forget(&id).await.unwrap();
        peers.flush().await.unwrap();
        assert_eq!(open.store.count(aside).await.unwrap(), 0);
        peers.close().await.unwrap();
        open.close().await;
    }
}
