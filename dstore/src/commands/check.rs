use clap::Args;
use datastore::Datastore;
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::store_arg::StoreArg;

/// Read everything and verify it
#[derive(Args)]
#[command(after_help = "Examples:
  dstore check fjall:data && echo sound
  dstore check fjall:data --json        \
{\"entries\",\"bytes\",\"problems\":[{\"place\",\"what\"}],\"more_problems\",\"foreign\"}
Exit code 4 if anything is damaged.")]
pub(crate) struct Check {
    /// URL of the store
    store: StoreArg,
}

impl Check {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let store = context.stores.open_to_read(&self.store).await?;
        let report = store.check().await?;
        let out = &mut context.out;
        if out.is_json() {
            let problems: Vec<_> = report
                .problems
                .iter()
                .map(|problem| json!({ "place": problem.place, "what": problem.what }))
                .collect();
            out.object(&json!({
                "entries": report.entries,
                "bytes": report.bytes,
                "problems": problems,
                "more_problems": report.more_problems,
                "foreign": report.foreign,
            }))?;
        } else {
            for problem in &report.problems {
                out.line(format_args!("damaged: {}: {}", problem.place, problem.what))?;
            }
            if report.more_problems > 0 {
                let more = human::count(report.more_problems);
                out.line(format_args!("damaged: {more} more places"))?;
            }
            let good = human::entries(report.entries);
            let bytes = human::bytes(report.bytes);
            let damage = if report.is_clean() { "no damage" } else { "and the damage above" };
            out.line(format_args!("{good} read ({bytes}), {damage}"))?;
            if report.foreign > 0 {
                let foreign = human::count(report.foreign);
                out.line(format_args!("not of this store, and left alone: {foreign}"))?;
            }
        }
        Ok(if report.is_clean() { Exit::Done } else { Exit::Damaged })
    }
}
