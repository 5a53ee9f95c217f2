use clap::Args;
use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerstore::{AddressTtl, is_address_of};
use serde_json::json;

use super::opened::{self, To};
use super::settings::Opening;
use super::{Context, peer};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::span::Span;
use crate::store_arg::StoreArg;

/// Add addresses of a peer
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers add fjall:node PEER /ip4/192.0.2.1/tcp/4001
  dstore peers add fjall:node PEER /dns4/example.org/tcp/4001 --permanent
  dstore peers add fjall:node PEER /ip4/192.0.2.1/udp/4001/quic-v1 --ttl 7d

An address may end with the peer's own `/p2p/PEER`. The lifetime of one that is known grows, and never shrinks.
Exit code 2, and nothing is added, if one ends with the id of another peer, or could be reached by nobody.")]
pub(super) struct Add {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// The peer
    #[arg(value_parser = peer::parse)]
    peer: PeerId,
    /// Its addresses
    #[arg(required = true, value_name = "ADDR")]
    addrs: Vec<Multiaddr>,
    /// How long they are kept: 90s, 30m, 1h, 7d
    #[arg(long, value_name = "TIME", default_value = "1h", conflicts_with = "permanent")]
    ttl: Span,
    /// Keep them for ever
    #[arg(long)]
    permanent: bool,
}

impl Add {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store, peer, addrs, ttl: Span(ttl), permanent } = self;
        if let Some(none) = addrs.iter().find(|addr| !is_address_of(&peer, addr)) {
            return Err(Failure::usage(format!("{none} is no address of {peer}"))
                .hint(why_not(&peer, none)));
        }
        let ttl = if permanent { AddressTtl::Permanent } else { AddressTtl::from(ttl) };
        let peers = opened::open(To::Fill, &store, opening, context).await?;
        peers.addresses().add(&peer, &addrs, ttl).await?;
        let known = peers.addresses().get(&peer).await?.len();
        peers.close().await?;
        if context.out.is_json() {
            context.out.object(&json!({ "peer": peer.to_string(), "addresses": known }))?;
        }
        Ok(Exit::Done)
    }
}

/// Why it would be passed over.
fn why_not(peer: &PeerId, addr: &Multiaddr) -> &'static str {
    match addr.iter().last() {
        Some(Protocol::P2p(other)) if other != *peer => {
            "an address of another peer is added to that one"
        }
        Some(_) if addr.iter().all(|part| part == Protocol::P2p(*peer)) => {
            "it is nothing but the peer's own id, and says not where the peer is"
        }
        _ => {
            "a name in it is empty, an onion service has no port, or the like: nobody could reach it"
        }
    }
}
