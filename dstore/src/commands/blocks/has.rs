use clap::Args;
use datastore_blocks::Cid;
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid};
use crate::exit::Exit;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// Tell by the exit code whether a block is there: 0 if so, 1 if not
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks has fjall:data CID && echo there
  dstore blocks has fjall:data CID --json               {\"cid\":…,\"has\":true}")]
pub(super) struct Has {
    /// URL of the store
    store: StoreArg,
    /// The CID of the block
    #[arg(value_parser = cid::parse)]
    cid: Cid,
}

impl Has {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cid } = self;
        let has = kept.open_to_read(&store, context).await?.has(&cid).await?;
        if context.out.is_json() {
            context.out.object(&json!({ "cid": cid.to_string(), "has": has }))?;
        }
        Ok(if has { Exit::Done } else { Exit::No })
    }
}
