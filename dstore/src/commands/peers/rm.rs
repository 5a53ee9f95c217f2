use clap::Args;
use libp2p_identity::PeerId;
use serde_json::json;

use super::opened::{self, To};
use super::settings::Opening;
use super::{Context, peer};
use crate::exit::Exit;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// Remove all that is known of peers; one that is not known is not an error
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers rm fjall:node PEER PEER
  dstore peers rm fjall:node PEER --forget

What stays for two days is the number of the peer's newest signed record, so that older ones are still refused; \
with --forget that goes too, and so does what the index of what expires has of the peer, which is walked for that.
Exit code 2 for the node itself: a peer that has sealed its record in this store. With --json it says of each whether \
anything was known.")]
pub(super) struct Rm {
    /// URL of the store
    store: StoreArg,
    /// The peers
    #[arg(required = true, value_name = "PEER", value_parser = peer::parse)]
    peers: Vec<PeerId>,
    /// Take old signed records again
    #[arg(long)]
    forget: bool,
}

impl Rm {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store, peers: ids, forget } = self;
        let peers = opened::open(To::Change, &store, opening, context).await?;
        for peer in &ids {
            let known = peers.has(peer).await?;
            if forget {
                peers.forget(peer).await?;
            } else {
                peers.remove(peer).await?;
            }
            if context.out.is_json() {
                let line = json!({ "peer": peer.to_string(), "removed": known });
                context.out.object(&line)?;
            }
        }
        peers.close().await?;
        Ok(Exit::Done)
    }
}
