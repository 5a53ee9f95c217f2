use clap::Args;
use datastore_blocks::{Cid, PinOptions};
use serde_json::json;

use super::{Context, Kept, cid};
use crate::exit::Exit;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// Keep blocks, and all that is reached from them
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks pin add fjall:data CID --name 'website, May'
  dstore blocks pin add fjall:data CID --direct         the block alone, not what it links to

It walks first, to see that all blocks are there: those with links are read, of raw leaves it is asked. A pin that \
is there gets the new name.
Exit code 1, and no pin, if a block is missing, 4 if one with links is damaged; --no-check pins all the same, and \
`gc` refuses to go on until the blocks are there.")]
pub(super) struct Add {
    /// URL of the store
    store: StoreArg,
    /// What to pin
    #[arg(required = true, value_parser = cid::parse)]
    cids: Vec<Cid>,
    /// What you call it
    #[arg(long, default_value = "", value_parser = super::name)]
    name: String,
    /// The block alone
    #[arg(long)]
    direct: bool,
    /// Whether or not the blocks are there
    #[arg(long)]
    no_check: bool,
}

impl Add {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cids, name, direct, no_check } = self;
        let blocks = kept.open_existing(&store, context).await?;
        let pins = blocks.pins();
        let options = PinOptions::new().name(name).check(!no_check);
        for cid in &cids {
            if direct {
                pins.pin_direct(cid, options.clone()).await?;
            } else {
                pins.pin_recursive(cid, options.clone()).await?;
            }
            if context.out.is_json() {
                let mode = if direct { "direct" } else { "recursive" };
                context.out.object(&json!({ "pinned": cid.to_string(), "mode": mode }))?;
            }
        }
        blocks.sync().await?;
        Ok(Exit::Done)
    }
}
