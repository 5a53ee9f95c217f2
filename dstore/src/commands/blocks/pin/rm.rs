use clap::Args;
use datastore_blocks::Cid;
use serde_json::json;

use super::{Context, Kept, cid, mode_name};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;

/// Take pins away; what no other pin reaches goes with the next `gc`
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks pin rm fjall:data CID
Exit code 1 if one is not pinned; the others are not pinned any more then.")]
pub(super) struct Rm {
    /// URL of the store
    store: StoreArg,
    /// What is pinned
    #[arg(required = true, value_parser = cid::parse)]
    cids: Vec<Cid>,
}

impl Rm {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cids } = self;
        let blocks = kept.open_existing(&store, context).await?;
        let pins = blocks.pins();
        let mut others = Vec::new();
        for cid in &cids {
            let mode = pins.unpin(cid).await?;
            if context.out.is_json() {
                let mode = mode.map(mode_name);
                context.out.object(&json!({ "unpinned": cid.to_string(), "mode": mode }))?;
            }
            if mode.is_none() {
                others.push(cid.to_string());
            }
        }
        blocks.sync().await?;
        if others.is_empty() {
            return Ok(Exit::Done);
        }
        Err(Failure::new(Exit::No, format!("not pinned: {}", others.join(" ")))
            .hint("`dstore blocks pin ls` lists what is; blocks below a pin are kept by it"))
    }
}
