//! Signed records: which are taken, what they replace, what is remembered of them.

use std::sync::Arc;

use datastore::{DatastoreExt, ErrorKind, Fault, MemoryDatastore, Operation, Query, key};
use futures::TryStreamExt;
use peerstore::{Consumed, Peerstore, VerifiedRecord};

use crate::support::{HOUR, MINUTE, World, addrs, keypair, peer, sorted};

fn record(n: u8, sequence: u64, addrs: &[multiaddr::Multiaddr]) -> VerifiedRecord {
    VerifiedRecord::seal(&keypair(n), sequence, addrs).unwrap()
}

#[tokio::test]
async fn a_newer_record_drops_what_it_does_not_have_but_what_was_learnt_otherwise() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(6));
        book.add(&peer(1), &some[..1], HOUR).await.unwrap();
        let first = record(1, 1, &some[1..4]);
        assert_eq!(book.consume(first.envelope().clone(), HOUR).await.unwrap(), Consumed::Accepted);
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 4);
        let second = record(1, 2, &some[3..5]);
        assert_eq!(
            book.consume(second.envelope().clone(), HOUR).await.unwrap(),
            Consumed::Accepted
        );
        let left = [&some[..1], &some[3..5]].concat();
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(left.clone()));
        // Older: refused, and not an error.
        assert_eq!(book.consume(first.envelope().clone(), HOUR).await.unwrap(), Consumed::Older);
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(left));
        assert_eq!(book.record(&peer(1)).await.unwrap().as_ref(), Some(second.envelope()));
        open.close().await;
    }
}

#[tokio::test]
async fn a_record_of_the_same_number_must_be_the_same() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(2));
        let (one, other) = (record(1, 7, &some[..1]), record(1, 7, &some[1..]));
        assert_eq!(book.consume(one.envelope().clone(), MINUTE).await.unwrap(), Consumed::Accepted);
        world.clock.advance(MINUTE / 2);
        assert_eq!(book.consume(one.envelope().clone(), MINUTE).await.unwrap(), Consumed::Same);
        assert_eq!(book.consume(other.envelope().clone(), HOUR).await.unwrap(), Consumed::Differs);
        assert_eq!(book.get(&peer(1)).await.unwrap(), some[..1]);
        // The same record again made its addresses live longer.
        world.clock.advance(MINUTE / 2);
        assert_eq!(book.get(&peer(1)).await.unwrap(), some[..1]);
        world.clock.advance(MINUTE / 2);
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn an_old_record_is_refused_after_its_addresses_expired_and_after_a_restart() {
    for world in World::all() {
        let world = world.with(|options| options.watermark_ttl = 48 * HOUR);
        let open = world.open().await;
        let some = addrs(2);
        let (old, new) = (record(1, 1, &some[..1]), record(1, 2, &some[1..]));
        open.peers.addresses().consume(new.envelope().clone(), HOUR).await.unwrap();
        world.clock.advance(2 * HOUR);
        open.peers.collect().await.unwrap();
        assert!(open.peers.addresses().record(&peer(1)).await.unwrap().is_none());
        assert!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        open.close().await;
        let open = world.open().await;
        let old = old.envelope().clone();
        let book = open.peers.addresses();
        assert_eq!(book.consume(old.clone(), HOUR).await.unwrap(), Consumed::Older);
        open.peers.remove(&peer(1)).await.unwrap();
        assert_eq!(book.consume(old.clone(), HOUR).await.unwrap(), Consumed::Older);
        open.peers.forget(&peer(1)).await.unwrap();
        assert_eq!(book.consume(old, HOUR).await.unwrap(), Consumed::Accepted);
        open.close().await;
    }
}

#[tokio::test]
async fn a_watermark_ends_at_its_time_and_leaves_nothing() {
    for world in World::all() {
        let world = world.with(|options| options.watermark_ttl = 2 * HOUR);
        let open = world.open().await;
        let newer = record(1, 2, &addrs(1));
        open.peers.addresses().consume(newer.envelope().clone(), HOUR).await.unwrap();
        open.peers.remove(&peer(1)).await.unwrap();
        let rows = open.below().await.count(Query::descendants(key!("/peers")));
        assert!(rows.await.unwrap() > 0);
        world.clock.advance(2 * HOUR);
        open.peers.collect().await.unwrap();
        let left: Vec<_> = open
            .below()
            .await
            .query_keys(Query::descendants(key!("/peers/addrs")))
            .try_collect()
            .await
            .unwrap();
        assert!(left.is_empty(), "{left:?}");
        let older = record(1, 1, &addrs(1)).envelope().clone();
        assert_eq!(open.peers.addresses().consume(older, HOUR).await.unwrap(), Consumed::Accepted);
        open.close().await;
    }
}

#[tokio::test]
async fn certified_does_not_depend_on_what_came_first() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(1));
        for n in [1, 2] {
            let envelope = record(n, 1, &some).envelope().clone();
            if n == 1 {
                book.add(&peer(n), &some, HOUR).await.unwrap();
                book.consume(envelope, HOUR).await.unwrap();
            } else {
                book.consume(envelope, HOUR).await.unwrap();
                book.add(&peer(n), &some, HOUR).await.unwrap();
            }
            let details = book.get(&peer(n)).await.unwrap();
            assert_eq!(details.len(), 1);
            assert!(details.entries().next().unwrap().is_certified(), "peer {n}");
        }
        open.close().await;
    }
}

#[tokio::test]
async fn what_does_not_verify_is_an_error_and_changes_nothing() {
    for world in World::all() {
        let world = world.with(|options| options.limits.envelope_bytes = 300);
        let open = world.open().await;
        let book = open.peers.addresses();
        let good = record(1, 1, &addrs(1)).envelope().clone();
        for place in 0..good.len() {
            let mut bad = good.to_vec();
            bad[place] ^= 1;
            match book.consume(bad, HOUR).await {
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
                Ok(taken) => panic!("a flipped bit at {place} was {taken:?}"),
            }
        }
        let large = record(1, 2, &addrs(100)).envelope().clone();
        assert_eq!(book.consume(large, HOUR).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn own_records_count_upwards_whatever_the_clock_does() {
    for world in World::all() {
        let open = world.open().await;
        let some = addrs(3);
        let first = open.peers.own_record().seal(&keypair(1), &some[..1]).await.unwrap();
        let same = open.peers.own_record().seal(&keypair(1), &some[..1]).await.unwrap();
        assert_eq!(first, same, "nothing new to say");
        open.close().await;
        world.clock.set_now(std::time::UNIX_EPOCH + HOUR);
        let open = world.open().await;
        let second = open.peers.own_record().seal(&keypair(1), &some[..2]).await.unwrap();
        assert!(second.sequence() > first.sequence());
        let kept = open.peers.own_record().get(&peer(1)).await.unwrap();
        assert_eq!(kept.as_ref(), Some(second.envelope()));
        assert_eq!(VerifiedRecord::verify(kept.unwrap()).unwrap().addresses(), &some[..2]);
        open.close().await;
    }
}

#[tokio::test]
async fn an_envelope_that_is_kept_is_taken_again_by_one_read_and_one_write_and_not_verified_anew() {
    let world = World::memory().with(|options| options.cache_bytes = 0);
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let clock = Arc::new(world.clock.clone());
    let peers =
        Peerstore::open_with(Arc::clone(&store) as _, clock, world.options.clone()).await.unwrap();
    let (book, envelope) = (peers.addresses(), record(1, 1, &addrs(3)).envelope().to_vec());
    book.consume(envelope.clone(), HOUR).await.unwrap();

    // Its signature, which ends it, is wrong now, there and here: who verifies it anew refuses it.
    let mut other = envelope.clone();
    *other.last_mut().unwrap() ^= 1;
    let rows = store.inner().query(Query::descendants(key!("/peers/addrs")));
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    let mut row = rows[0].value().unwrap().to_vec();
    let place = row.windows(envelope.len()).position(|part| part == envelope).unwrap();
    row[place..place + other.len()].copy_from_slice(&other);
    store.inner().put(rows[0].key(), row).await.unwrap();

    world.clock.advance(MINUTE);
    let (reads, writes) = (store.calls(Operation::Read), store.calls(Operation::Commit));
    assert_eq!(book.consume(other, HOUR).await.unwrap(), Consumed::Same);
    assert_eq!(store.calls(Operation::Read) - reads, 1);
    assert_eq!(store.calls(Operation::Commit) - writes, 1);
    assert_eq!(book.consume(envelope, HOUR).await.unwrap(), Consumed::Differs);
    peers.close().await.unwrap();
}

#[tokio::test]
async fn the_node_s_next_record_has_a_higher_number_than_one_of_it_that_was_taken_in() {
    for world in World::all() {
        let open = world.open().await;
        let (own, book) = (open.peers.own_record(), open.peers.addresses());
        let first = own.seal(&keypair(1), &addrs(1)).await.unwrap();
        // What the node sealed elsewhere, under another clock.
        let elsewhere = record(1, first.sequence() + 100, &addrs(1));
        book.consume(elsewhere.envelope().clone(), HOUR).await.unwrap();
        let next = own.seal(&keypair(1), &addrs(1)).await.unwrap();
        assert_eq!(book.consume_verified(&next, HOUR).await.unwrap(), Consumed::Accepted);
        assert_eq!(own.seal(&keypair(1), &addrs(1)).await.unwrap(), next, "it says the same");
        // Its number is known when its addresses are gone, too.
        let last = record(1, next.sequence() + 100, &addrs(1));
        book.consume(last.envelope().clone(), HOUR).await.unwrap();
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        let next = own.seal(&keypair(1), &addrs(1)).await.unwrap();
        assert_eq!(book.consume_verified(&next, HOUR).await.unwrap(), Consumed::Accepted);
        open.close().await;
    }
}
