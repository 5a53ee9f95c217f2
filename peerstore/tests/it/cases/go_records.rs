//! The signed records of go-libp2p's address book.

use std::time::Duration;

use datastore::ErrorKind;
use futures::TryStreamExt;
use multiaddr::Multiaddr;
use peerstore::{Consumed, PeerUpdate, VerifiedRecord};

use crate::records::support::{Envelope, payload};
use crate::support::{HOUR, MINUTE, World, addrs, keypair, peer, sorted};

fn record(n: u8, sequence: u64, addrs: &[Multiaddr]) -> VerifiedRecord {
    VerifiedRecord::seal(&keypair(n), sequence, addrs).unwrap()
}

#[tokio::test]
async fn the_record_goes_with_the_last_address_that_it_certifies() {
    for world in World::all() {
        let open = world.open().await;
        let (book, id, some) = (open.peers.addresses(), peer(1), addrs(4));
        let sealed = record(1, 5, &some[..3]);
        book.add(&id, &some[3..], HOUR).await.unwrap();
        book.consume(sealed.envelope().clone(), HOUR).await.unwrap();
        for place in 0..3 {
            assert_eq!(book.record(&id).await.unwrap().as_ref(), Some(sealed.envelope()));
            let addr = &some[place..=place];
            book.set(&id, addr, Duration::ZERO).await.unwrap();
        }
        assert_eq!(book.record(&id).await.unwrap(), None);
        assert_eq!(book.get(&id).await.unwrap(), some[3..], "what is not certified stays");
        book.consume(sealed.envelope().clone(), HOUR).await.unwrap();
        assert!(book.record(&id).await.unwrap().is_some());
        book.clear(&id).await.unwrap();
        assert_eq!(book.record(&id).await.unwrap(), None);
        let older = record(1, 4, &some[..1]).envelope().clone();
        assert_eq!(book.consume(older, HOUR).await.unwrap(), Consumed::Older);
        open.close().await;
    }
}

#[tokio::test]
async fn the_record_ends_when_its_addresses_do() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(3));
        book.add(&peer(1), &some[2..], HOUR).await.unwrap();
        let sealed = record(1, 1, &some[..2]).envelope().clone();
        book.consume(sealed.clone(), MINUTE).await.unwrap();
        world.clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(book.record(&peer(1)).await.unwrap(), Some(sealed));
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(book.record(&peer(1)).await.unwrap(), None);
        assert_eq!(book.get(&peer(1)).await.unwrap(), some[2..]);
        open.close().await;
    }
}

#[tokio::test]
async fn a_record_that_another_signed_is_an_error_and_leaves_the_one_that_is_there() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(2));
        let kept = record(1, 1, &some[..1]).envelope().clone();
        book.consume(kept.clone(), HOUR).await.unwrap();
        let forged = payload(&keypair(1), 2, &[some[1].as_ref()]);
        let forged = Envelope::of(&keypair(2), forged).sign();
        let error = book.consume(forged, HOUR).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(book.record(&peer(1)).await.unwrap(), Some(kept));
        assert_eq!(book.get(&peer(1)).await.unwrap(), some[..1]);
        assert!(!open.peers.has(&peer(2)).await.unwrap(), "nor has the signer any");
        open.close().await;
    }
}

#[tokio::test]
async fn a_newer_record_in_a_full_book_spares_what_is_connected() {
    for world in World::all() {
        let world = world.with(|options| options.limits.addresses = 3);
        let open = world.open().await;
        let (book, id, some) = (open.peers.addresses(), peer(1), addrs(6));
        book.connected(&id, &some[..1]).await.unwrap();
        book.add(&id, &some[1..2], 2 * HOUR).await.unwrap();
        book.consume(record(1, 1, &some[2..4]).envelope().clone(), HOUR).await.unwrap();
        assert_eq!(sorted(book.get(&id).await.unwrap()), sorted(some[..4].to_vec()));
        book.consume(record(1, 2, &some[4..]).envelope().clone(), HOUR).await.unwrap();
        let left = [&some[..2], &some[4..]].concat();
        assert_eq!(sorted(book.get(&id).await.unwrap()), sorted(left));
        open.close().await;
    }
}

#[tokio::test]
async fn so_many_peers_have_records_as_there_is_room_for() {
    for world in World::all() {
        let world =
            world.with(|options| (options.limits.peers, options.limits.watermarks) = (3, 3));
        let open = world.open().await;
        let book = open.peers.addresses();
        for n in 1..=8 {
            let sealed = record(n, 1, &addrs(1)).envelope().clone();
            assert_eq!(book.consume(sealed, HOUR).await.unwrap(), Consumed::Accepted);
            world.clock.advance(MINUTE);
        }
        let mut records = 0;
        for n in 1..=8 {
            records += usize::from(book.record(&peer(n)).await.unwrap().is_some());
        }
        assert_eq!(records, 3);
        assert!(book.record(&peer(8)).await.unwrap().is_some(), "the last that came");
        assert_eq!(book.peers().try_collect::<Vec<_>>().await.unwrap().len(), 3);
        open.close().await;
    }
}

#[tokio::test]
async fn a_record_of_another_peer_is_refused_with_the_whole_update() {
    for world in World::all() {
        let open = world.open().await;
        let (id, some) = (peer(1), addrs(2));
        let own = PeerUpdate::new().record(record(1, 1, &some[..1]));
        open.peers.merge(&id, &own).await.unwrap();
        let before = open.peers.peer(&id).await.unwrap();
        let update = PeerUpdate::new().record(record(2, 9, &some)).protocols(["/a"]);
        for done in [
            open.peers.merge(&id, &update).await,
            open.peers.patch(&id, &update).await,
            open.peers.save(&id, &update).await,
        ] {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(open.peers.peer(&id).await.unwrap(), before);
        }
        assert!(!open.peers.has(&peer(2)).await.unwrap());
        open.close().await;
    }
}
