//! Keeps a node's peers over a restart: run it twice.
//!
//! ```sh
//! cargo run -p peerstore --example restart -- /tmp/my-node
//! ```
#![allow(clippy::print_stdout, reason = "an example talks")]

use std::sync::Arc;
use std::time::Duration;

use datastore::Datastore;
use datastore_fjall::FjallDatastore;
use futures::TryStreamExt;
use libp2p_identity::{Keypair, PeerId};
use peerstore::{AddressTtl, Peerstore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("say in which directory")?;
    let store = Arc::new(FjallDatastore::open(path).await?);
    let peers = Peerstore::open(Arc::clone(&store) as Arc<dyn Datastore>).await?;

    let known: Vec<PeerId> = peers.peers().try_collect().await?;
    println!("{} peers are known from before", known.len());
    for peer in &known {
        for address in peers.addresses().get(peer).await?.entries() {
            println!("  {peer} at {} ({:?})", address.addr(), address.ttl());
        }
    }
    for candidate in peers.reputation().bootstrap_candidates(3).await? {
        println!("dial first: {}", candidate.peer);
    }

    // A node that runs would hear this from the network.
    let peer = Keypair::generate_ed25519().public().to_peer_id();
    let addr = format!("/ip4/198.51.100.{}/tcp/4001", known.len() % 256).parse()?;
    peers.addresses().connected(&peer, &[addr]).await?;
    peers.reputation().succeeded(&peer, Some(Duration::from_millis(30))).await?;
    println!("now connected to {peer}");
    peers.addresses().update(&peer, AddressTtl::CONNECTED, AddressTtl::ADDRESS).await?;

    peers.close().await?;
    store.close().await?;
    Ok(())
}
