use std::pin::pin;

use clap::Args;
use datastore_blocks::{Cid, ListOptions, Listed};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid};
use crate::exit::Exit;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// List the CIDs of all blocks
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks ls fjall:data | wc -l
  dstore blocks ls fjall:data --limit 100               the first page
  dstore blocks ls fjall:data --limit 100 --after CID   the next, after its last CID
  dstore blocks ls fjall:data --long --json             {\"cid\":…,\"size\":…}

In the order of their multihashes' base32, which tells nothing. A block is kept under its multihash alone: \
where codecs are not kept as well (--keep-codecs), its CID is listed as CIDv1 raw, and any other CID of the \
same digest finds it too.")]
pub(super) struct Ls {
    /// URL of the store
    store: StoreArg,
    /// Only blocks that are listed after this one: the cursor of the next page
    #[arg(long, value_name = "CID", value_parser = cid::parse)]
    after: Option<Cid>,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// With their sizes
    #[arg(long, short)]
    long: bool,
}

impl Ls {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, after, limit, long } = self;
        let blocks = kept.open_to_read(&store, context).await?;
        let options = ListOptions { after, sizes: long };
        let mut listed = pin!(blocks.list(options).take(limit.unwrap_or(usize::MAX)));
        while let Some(Listed { cid, size, .. }) = listed.try_next().await? {
            match size {
                None if context.out.is_json() => {
                    context.out.object(&json!({ "cid": cid.to_string() }))?;
                }
                Some(size) if context.out.is_json() => {
                    context.out.object(&json!({ "cid": cid.to_string(), "size": size }))?;
                }
                None => context.out.line(cid)?,
                Some(size) => context.out.line(format_args!("{size:>10}  {cid}"))?,
            }
        }
        Ok(Exit::Done)
    }
}
