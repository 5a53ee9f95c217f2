//! Paged queries: what is asked for, in the order that is asked for, each peer once.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use datastore::{Clock, Datastore, ErrorKind};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::{PeerCursor, PeerOrder, PeerQuery, PeerUpdate};

use crate::support::{HOUR, MINUTE, Open, SECOND, World, addrs, hashed, keypair, peer};

const PEERS: u8 = 24;

/// Peers that were asked, dialed and heard of at different times, and some that never were.
async fn some_peers(world: &World, open: &Open) {
    for n in 1..=PEERS {
        let id = peer(n);
        open.peers.protocols().add(&id, &["/a"]).await.unwrap();
        world.clock.advance(MINUTE);
        if n % 2 == 0 {
            open.peers
                .addresses()
                .add(&id, &addrs(1 + usize::from(n % 3)), 24 * HOUR)
                .await
                .unwrap();
        }
        for _ in 0..n % 5 {
            open.peers.reputation().succeeded(&id, None).await.unwrap();
        }
        if n % 7 == 0 {
            open.peers.reputation().failed(&id).await.unwrap();
        }
        if n % 6 == 0 {
            open.peers.addresses().succeeded(&peer(n - 2), &addrs(1)[0]).await.unwrap();
        }
    }
}

fn query(order: PeerOrder, limit: usize) -> PeerQuery {
    let mut query = PeerQuery::default();
    (query.order, query.limit) = (order, Some(limit));
    query
}

/// All pages of a query, with something done after each.
async fn pages(open: &Open, mut query: PeerQuery, mut between: impl AsyncFnMut()) -> Vec<PeerId> {
    let mut all = Vec::new();
    loop {
        let page = open.peers.page(&query).await.unwrap();
        assert!(page.peers.len() <= query.limit.unwrap());
        all.extend(page.peers);
        // As a listing does that goes on in another process.
        let Some(next) = page.next else { return all };
        query.after = Some(next.to_string().parse().unwrap());
        assert_eq!(query.after, Some(next));
        between().await;
    }
}

/// The order as the definition has it, found by looking at every peer.
async fn expected(world: &World, open: &Open, order: PeerOrder) -> Vec<PeerId> {
    let now = world.clock.now();
    let mut all = Vec::new();
    for n in 1..=PEERS {
        let reputation = open.peers.reputation().get(&peer(n)).await.unwrap();
        let addresses = open.peers.addresses().get(&peer(n)).await.unwrap();
        let heard = addresses.entries().flat_map(|known| [known.last_seen(), known.last_success()]);
        let last = heard.chain([reputation.last_success()]).flatten().max();
        all.push((peer(n), reputation.score(now), last));
    }
    match order {
        PeerOrder::Score => all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))),
        PeerOrder::LastSeen => all.sort_by_key(|(peer, _, last)| (Reverse(*last), *peer)),
        _ => return open.peers.peers().try_collect().await.unwrap(),
    }
    all.into_iter().map(|(peer, _, _)| peer).collect()
}

#[tokio::test]
async fn pages_of_every_size_are_the_listing_in_its_order_while_time_passes() {
    for world in World::all() {
        let open = world.open().await;
        some_peers(&world, &open).await;
        // A page looks at all peers, for which object storage is asked one by one.
        let is_near = open.store.capabilities().atomic_batches;
        let sizes = if is_near { vec![1, 5, 23, 24, 25] } else { vec![23, 25] };
        for order in [PeerOrder::Key, PeerOrder::Score, PeerOrder::LastSeen] {
            let expected = expected(&world, &open, order).await;
            assert_eq!(expected.len(), usize::from(PEERS));
            for size in sizes.iter().copied() {
                let found =
                    pages(&open, query(order, size), async || world.clock.advance(SECOND)).await;
                assert_eq!(found, expected, "{order:?}, pages of {size}");
            }
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_peer_that_does_not_change_comes_once_whatever_others_do() {
    let orders = [PeerOrder::Key, PeerOrder::Score, PeerOrder::LastSeen];
    for (order, world) in orders
        .into_iter()
        .flat_map(|order| World::all().into_iter().map(move |world| (order, world)))
    {
        let open = world.open().await;
        some_peers(&world, &open).await;
        let mut step = 0;
        let found = pages(&open, query(order, 3), async || {
            step += 1;
            // Odd ones go, come, get better, worse, and are heard of.
            let id = peer(2 * step - 1);
            match step % 4 {
                0 => open.peers.forget(&id).await.unwrap(),
                1 => open.peers.reputation().succeeded(&id, None).await.unwrap(),
                2 => open.peers.reputation().failed(&id).await.unwrap(),
                _ => open.peers.addresses().add(&peer(100 + step), &addrs(1), HOUR).await.unwrap(),
            }
            world.clock.advance(HOUR);
        })
        .await;
        assert!(step > 5);
        for n in (2..=PEERS).step_by(2) {
            let times = found.iter().filter(|found| **found == peer(n)).count();
            assert_eq!(times, 1, "{order:?}, peer {n}");
        }
    }
}

#[tokio::test]
async fn filters_are_all_asked_for_and_in_every_order() {
    for world in World::all() {
        let open = world.open().await;
        let (_, keyless) = hashed(99);
        open.peers.protocols().add(&keyless, &["/a"]).await.unwrap();
        for n in 1..=12 {
            let id = peer(n);
            open.peers.protocols().add(&id, &[if n % 2 == 0 { "/a" } else { "/b" }]).await.unwrap();
            if n % 3 == 0 {
                open.peers.tags().set(&id, "t", 1, Some(HOUR)).await.unwrap();
                open.peers.addresses().add(&id, &addrs(1), HOUR).await.unwrap();
            }
            if n % 4 == 0 {
                open.peers.metadata().put_bytes(&id, "a/b", "x").await.unwrap();
                open.peers.addresses().connected(&id, &addrs(1)).await.unwrap();
            }
            if n % 5 == 0 {
                open.peers.reputation().succeeded(&id, None).await.unwrap();
            } else {
                open.peers.reputation().failed(&id).await.unwrap();
            }
        }
        let found = async |change: &dyn Fn(&mut PeerQuery)| {
            let mut answers = BTreeSet::new();
            for order in [PeerOrder::Key, PeerOrder::Score, PeerOrder::LastSeen] {
                let mut query = query(order, 2);
                change(&mut query);
                let found = pages(&open, query, async || ()).await;
                let numbers = (1..=12).filter(|n| found.contains(&peer(*n)));
                let unknown = found.contains(&keyless).then_some(99);
                answers.insert(numbers.chain(unknown).collect::<Vec<u8>>());
            }
            assert_eq!(answers.len(), 1, "the order changes what is found");
            answers.pop_first().unwrap()
        };
        let all: Vec<_> = (1..=12).chain([99]).collect();
        assert_eq!(found(&|_| ()).await, all);
        assert_eq!(found(&|query| query.with_addresses = true).await, [3, 4, 6, 8, 9, 12]);
        assert_eq!(found(&|query| query.connected = true).await, [4, 8, 12]);
        assert_eq!(found(&|query| query.with_key = true).await, all[..12]);
        assert_eq!(found(&|query| query.tag = Some("t".into())).await, [3, 6, 9, 12]);
        assert_eq!(found(&|query| query.metadata = Some("a/b".into())).await, [4, 8, 12]);
        assert_eq!(found(&|query| query.proven = true).await, [5, 10]);
        let protocol = |query: &mut PeerQuery| query.protocol = Some("/a".to_owned());
        assert_eq!(found(&protocol).await, [2, 4, 6, 8, 10, 12, 99]);
        let both = |query: &mut PeerQuery| {
            protocol(query);
            query.tag = Some("t".to_owned());
        };
        assert_eq!(found(&both).await, [6, 12]);
        world.clock.advance(HOUR);
        assert_eq!(found(&|query| query.with_addresses = true).await, [4, 8, 12]);
        assert!(found(&both).await.is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn a_filter_of_the_caller_sees_all_that_is_known() {
    for world in World::all() {
        let open = world.open().await;
        for n in 1..=6 {
            let update = PeerUpdate::new().addresses(addrs(usize::from(n)));
            open.peers.save(&peer(n), &update.tag("t", n * 10, None)).await.unwrap();
        }
        for order in [PeerOrder::Key, PeerOrder::Score] {
            let query = query(order, 10);
            let filter = |peer: &peerstore::Peer| {
                peer.addresses.len() > 2 && peer.tags.iter().any(|(_, tag)| tag.value() < 50)
            };
            let page = open.peers.page_where(&query, filter).await.unwrap();
            assert_eq!(BTreeSet::from_iter(page.peers), BTreeSet::from([peer(3), peer(4)]));
            assert_eq!(page.next, None);
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_and_a_text_that_is_none_are_refused() {
    for world in World::all() {
        let open = world.open().await;
        some_peers(&world, &open).await;
        let score = open.peers.page(&query(PeerOrder::Score, 1)).await.unwrap().next.unwrap();
        assert_eq!((score.order(), score.peer()), (PeerOrder::Score, score.peer()));
        for order in [PeerOrder::Key, PeerOrder::LastSeen] {
            let mut query = query(order, 1);
            query.after = Some(score.clone());
            let error = open.peers.page(&query).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        let peer = keypair(1).public().to_peer_id();
        for text in ["", "x", "score:", "score:1:2", "other:1:2:3", &format!("key:1:0:{peer}")] {
            let error = text.parse::<PeerCursor>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
        let none = open.peers.page(&query(PeerOrder::Score, 0)).await.unwrap();
        assert_eq!((none.peers.len(), none.next), (0, None));
        open.close().await;
    }
}
