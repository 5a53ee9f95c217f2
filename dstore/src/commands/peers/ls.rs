use clap::{Args, ValueEnum};
use libp2p_identity::PeerId;
use peerstore::{PeerCursor, PeerOrder, PeerQuery};
use serde_json::json;

use super::settings::Opening;
use super::{Context, opened, peer};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;

/// List the peers of which anything is known
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers ls fjall:node | wc -l
  dstore peers ls fjall:node --with-addresses
  dstore peers ls fjall:node --protocol /ipfs/kad/1.0.0 --tag keep
  dstore peers ls fjall:node --order score -n 10        those that answer best
  dstore peers ls fjall:node --limit 100                the first page
  dstore peers ls fjall:node --limit 100 --after PEER   the next, after its last peer
  dstore peers ls fjall:node --json                     {\"peer\":…}

In the order of their ids' bytes in base32, which tells nothing, unless --order says otherwise: by `score`, the best \
first; by `seen`, those first that were heard of last. These look at all peers for every thousand that they list. \
All that is asked for must hold. A peer is listed while anything is known of it that has not expired.")]
pub(super) struct Ls {
    /// URL of the store
    store: StoreArg,
    /// In what order
    #[arg(long, value_enum, default_value_t)]
    order: Order,
    /// Only peers that are listed after this one, by key: the cursor of the next page
    #[arg(long, value_name = "PEER", value_parser = peer::parse)]
    after: Option<PeerId>,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Only peers with addresses that have not expired
    #[arg(long)]
    with_addresses: bool,
    /// Only peers that speak this protocol
    #[arg(long)]
    protocol: Option<String>,
    /// Only peers with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only peers with metadata under this name
    #[arg(long, value_name = "NAME")]
    metadata: Option<String>,
    /// Only peers that have answered a request
    #[arg(long)]
    proven: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Order {
    #[default]
    Key,
    Score,
    Seen,
}

/// Peers that are looked up at a time.
const PAGE: usize = 1000;

impl Ls {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store, order, after, limit, with_addresses, protocol, tag, metadata, proven } =
            self;
        if order != Order::Key && after.is_some() {
            return Err(Failure::usage("--after goes with --order key alone"));
        }
        let (peers, _) = opened::as_of_now(&store, opening, context).await?;
        let mut query = PeerQuery::default();
        query.after = after.map(PeerCursor::from);
        query.order = match order {
            Order::Key => PeerOrder::Key,
            Order::Score => PeerOrder::Score,
            Order::Seen => PeerOrder::LastSeen,
        };
        query.with_addresses = with_addresses;
        query.protocol = protocol;
        query.tag = tag;
        query.metadata = metadata;
        query.proven = proven;
        let mut left = limit.unwrap_or(usize::MAX);
        loop {
            query.limit = Some(left.min(PAGE));
            let page = peers.page(&query).await?;
            left -= page.peers.len().min(left);
            for peer in page.peers {
                let peer = peer.to_string();
                if context.out.is_json() {
                    context.out.object(&json!({ "peer": peer }))?;
                } else {
                    context.out.line(peer)?;
                }
            }
            if page.next.is_none() || left == 0 {
                return Ok(Exit::Done);
            }
            query.after = page.next;
        }
    }
}
