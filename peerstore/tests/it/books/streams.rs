//! Streams of addresses: those of now, then those that come, none twice.

use futures::future::poll_immediate;
use futures::{StreamExt, TryStreamExt};

use crate::support::{HOUR, World, addrs, peer, sorted};

#[tokio::test]
async fn initial_then_new_and_none_twice_for_each_subscriber() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(60));
        book.add(&peer(1), &some[..20], HOUR).await.unwrap();
        let streams = [book.stream(&peer(1)), book.stream(&peer(1))];
        for addr in some[20..].chunks(1) {
            book.add(&peer(2), addr, HOUR).await.unwrap();
            book.add(&peer(1), addr, HOUR).await.unwrap();
            book.add(&peer(1), &some[..20], HOUR).await.unwrap();
        }
        for mut stream in streams {
            let seen: Vec<_> = stream.by_ref().take(60).try_collect().await.unwrap();
            assert_eq!(sorted(seen), sorted(some.clone()));
            assert!(poll_immediate(stream.next()).await.is_none(), "nothing comes twice");
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_stream_may_begin_before_the_peer_is_known() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(30));
        let mut stream = book.stream(&peer(1));
        for addr in some.chunks(1) {
            book.add(&peer(1), addr, HOUR).await.unwrap();
        }
        let seen: Vec<_> = stream.by_ref().take(30).try_collect().await.unwrap();
        assert_eq!(sorted(seen), sorted(some));
        assert!(
            poll_immediate(stream.next()).await.is_none(),
            "nothing more until something comes"
        );
        open.close().await;
        assert!(stream.next().await.is_none(), "it ends with the peerstore");
    }
}

#[tokio::test]
async fn a_reader_that_sleeps_reads_again_what_it_missed() {
    for world in World::all() {
        let world = world.with(|options| options.event_capacity = 2);
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(50));
        book.add(&peer(1), &some[..1], HOUR).await.unwrap();
        let mut stream = book.stream(&peer(1));
        assert_eq!(stream.next().await.unwrap().unwrap(), some[0]);
        for addr in some.chunks(1) {
            book.add(&peer(1), addr, HOUR).await.unwrap();
        }
        let seen: Vec<_> = stream.take(49).try_collect().await.unwrap();
        assert_eq!(sorted(seen), sorted(some[1..].to_vec()));
        open.close().await;
    }
}
