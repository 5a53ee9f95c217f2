use clap::Args;
use peerstore::{GcReport, GcStats};
use serde_json::json;

use super::Context;
use super::opened::{self, To};
use super::settings::Opening;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::store_arg::StoreArg;

/// Remove what has expired
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers gc fjall:node
  dstore peers gc fjall:node --json
  dstore peers gc config: --config peers.toml

It says how many rows it removed, since all in them had expired, and of how many it removed a part. With the \
node's limits (--config, --preset), watermarks over theirs go too: what is left of signed records that have ended. \
It costs what has expired, not what is stored. A node does this by itself while it runs. Ended early, it has removed \
a part, and can be run again.")]
pub(super) struct Gc {
    /// URL of the store
    store: StoreArg,
}

impl Gc {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store } = self;
        let peers = opened::open(To::Change, &store, opening, context).await?;
        let report = peers.collect().await?;
        // This collection is all that there was since it was opened.
        let GcStats { evicted_watermarks, .. } = peers.gc_stats();
        peers.close().await?;
        if context.out.is_json() {
            let GcReport { due, trimmed, removed, postponed, skipped, .. } = report;
            context.out.object(&json!({
                "due": due,
                "trimmed": trimmed,
                "removed": removed,
                "postponed": postponed,
                "skipped": skipped,
                "watermarks_over_the_limit": evicted_watermarks,
            }))?;
            return Ok(Exit::Done);
        }
        let (removed, trimmed) = (human::count(report.removed), human::count(report.trimmed));
        context.out.line(format_args!("rows removed: {removed}; made shorter: {trimmed}"))?;
        if evicted_watermarks > 0 {
            let watermarks = human::count(evicted_watermarks);
            context.out.line(format_args!("watermarks over the limit removed: {watermarks}"))?;
        }
        if report.skipped > 0 {
            let skipped = human::count(report.skipped);
            context.out.line(format_args!("of a later release, and left alone: {skipped}"))?;
        }
        Ok(Exit::Done)
    }
}
