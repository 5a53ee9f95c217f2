use clap::Args;
use datastore::Datastore;
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::store_arg::StoreArg;

/// Reclaim the space of what was overwritten and deleted
#[derive(Args)]
#[command(after_help = "Examples:
  dstore compact fjall:data")]
pub(crate) struct Compact {
    /// URL of the store
    store: StoreArg,
}

impl Compact {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let store = context.stores.open_existing(&self.store).await?;
        let tells = store.capabilities().disk_usage;
        let before = if tells { Some(store.disk_usage().await?) } else { None };
        store.compact().await?;
        let after = if tells { Some(store.disk_usage().await?) } else { None };
        if context.out.is_json() {
            context.out.object(&json!({ "disk_usage_before": before, "disk_usage": after }))?;
        } else if let (Some(before), Some(after)) = (before, after) {
            let (before, after) = (human::bytes(before), human::bytes(after));
            context.out.line(format_args!("compacted: {before} on disk before, {after} now"))?;
        } else {
            context.out.line("compacted")?;
        }
        Ok(Exit::Done)
    }
}
