use clap::Args;
use serde_json::json;

use super::{Context, opened};
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::store_arg::StoreArg;

/// Remove what has expired
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers gc fjall:node
  dstore peers gc fjall:node --json

It costs what has expired, not what is stored. A node does this by itself while it runs. Ended early, it has \
removed a part, and can be run again.")]
pub(super) struct Gc {
    /// URL of the store
    store: StoreArg,
}

impl Gc {
    pub(super) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store } = self;
        let peers = opened::to_change(&store, context).await?;
        let report = peers.collect().await?;
        peers.close().await?;
        if context.out.is_json() {
            context.out.object(&json!(report))?;
            return Ok(Exit::Done);
        }
        let (removed, trimmed) = (human::count(report.removed), human::count(report.trimmed));
        context.out.line(format_args!("rows removed: {removed}; made shorter: {trimmed}"))?;
        if report.skipped > 0 {
            let skipped = human::count(report.skipped);
            context.out.line(format_args!("of a later release, and left alone: {skipped}"))?;
        }
        Ok(Exit::Done)
    }
}
