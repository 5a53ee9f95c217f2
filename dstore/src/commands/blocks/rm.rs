use std::collections::HashMap;
use std::pin::pin;

use clap::Args;
use datastore::ErrorKind;
use datastore_blocks::{
    Blockstore, Cid, MAX_DIGEST_LEN, Multihash, PinMode, PinRow, Visit, WalkOptions,
};
use futures::{TryStreamExt, stream};
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;

/// Remove blocks that no pin keeps; one that is not there is not an error
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks rm fjall:data CID CID
  dstore blocks rm fjall:data CID --force               pinned or not

What the pins reach is walked first. If one of the blocks is pinned, or reached from what is, none is removed.
Exit code 3 then. To remove all that no pin keeps: `dstore blocks gc`.")]
pub(super) struct Rm {
    /// URL of the store
    store: StoreArg,
    /// The CIDs of the blocks
    #[arg(required = true, value_parser = cid::parse)]
    cids: Vec<Cid>,
    /// Whatever pins say
    #[arg(long)]
    force: bool,
}

impl Rm {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cids, force } = self;
        let blocks = kept.open_existing(&store, context).await?;
        if !force {
            refuse_what_is_pinned(&blocks, &cids).await?;
        }
        let removed = blocks.delete_many(stream::iter(cids)).await?;
        blocks.sync().await?;
        if context.out.is_json() {
            context.out.object(&json!({ "removed": removed }))?;
        }
        Ok(Exit::Done)
    }
}

/// One walk for all of them, since a pin may reach many blocks.
async fn refuse_what_is_pinned(blocks: &Blockstore, cids: &[Cid]) -> Result<()> {
    let wanted: HashMap<Multihash<MAX_DIGEST_LEN>, &Cid> =
        cids.iter().map(|cid| (*cid.hash(), cid)).collect();
    let pins = blocks.pins();
    let mut rows = pin!(pins.list(None));
    let mut roots = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(unknown)? {
        match row {
            PinRow::Pin(pin) => {
                if let Some(cid) = wanted.get(pin.cid.hash()) {
                    return Err(pinned(format!("{cid} is pinned")));
                }
                if pin.mode == PinMode::Recursive {
                    roots.push(pin.cid);
                }
            }
            PinRow::Damaged { error, .. } => return Err(unknown(error)),
            _ => {}
        }
    }
    let options = WalkOptions::new().read_leaves(false).skip_missing(true);
    let mut walk = blocks.walk_with(roots, options);
    while let Some(Visit { cid, parent, .. }) = walk.try_next().await.map_err(unknown)? {
        if let Some(found) = wanted.get(cid.hash()) {
            let through = parent.map(|parent| format!(" through {parent}")).unwrap_or_default();
            return Err(pinned(format!("{found} is kept by a pin{through}")));
        }
    }
    Ok(())
}

fn pinned(message: String) -> Failure {
    Failure::new(Exit::Conflict, format!("{message}: nothing was removed"))
        .hint(format!("`dstore blocks pin rm` takes the pin away; {FORCE}"))
}

/// What the pins reach is not known.
fn unknown(error: datastore::Error) -> Failure {
    let stays = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported);
    let failure =
        Failure::from(error).during("it is not known which blocks are pinned: nothing was removed");
    // What passes is no reason to remove what may be pinned.
    if stays { failure.hint(FORCE) } else { failure }
}

const FORCE: &str = "--force removes the block whatever pins say";
