mod measure;
mod works;

use clap::Args;
use serde_json::json;

use self::measure::{Budget, Measured};
use self::works::Works;
use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::store_arg::StoreArg;

/// Measure what a store does in a second
#[derive(Args)]
#[command(after_help = "Examples:
  dstore bench fjall:data
  dstore bench memory: --value-size 65536 --seconds 5
  dstore bench fjall:data --json

A quick look, each line after the other, through a namespace /dstore-scratch-RANDOM that is removed \
afterwards. Keys have some 50 bytes, values do not compress.")]
pub(crate) struct Bench {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// Bytes of a value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    value_size: usize,
    /// How long to measure each line
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// How many tasks write at once where many do
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..))]
    tasks: u16,
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("write a number of seconds, 0.001 to 3600".to_owned()),
    }
}

impl Bench {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, value_size, seconds, tasks } = self;
        let scratch = context.stores.scratch(&store).await?;
        let budget = Budget::new(seconds);
        let mut works = Works::new(scratch.inside(), value_size);

        if !context.out.is_json() {
            context.out.line(format_args!(
                "{:<28}{:>14}{:>12}{:>12}{:>12}",
                "", "a second", "half under", "99 % under", "longest"
            ))?;
        }
        show(context, "put", works.put(&budget).await?)?;
        show(context, "batch of 1,000, entries", works.batch(&budget).await?)?;
        show(context, "put synced", works.put_synced(&budget, 1).await?)?;
        let name = format!("put synced, {tasks} tasks");
        show(context, &name, works.put_synced(&budget, tasks).await?)?;
        show(context, "get", works.get(&budget).await?)?;
        show(context, "get of a missing key", works.get_missing(&budget).await?)?;
        show(context, "has", works.has(&budget).await?)?;
        show(context, "pages of 256, entries", works.pages(&budget).await?)?;
        show(context, "delete", works.delete(&budget).await?)?;
        Ok(Exit::Done)
    }
}

/// Prints a line as soon as it is measured. Times are of one operation: a batch, a page.
fn show(context: &mut Context, name: &str, measured: Measured) -> Result<()> {
    let Measured { items, per_second, half, most, longest } = measured;
    let out = &mut context.out;
    if out.is_json() {
        out.object(&json!({
            "name": name,
            "items": items,
            "per_second": per_second,
            "p50_seconds": half.as_secs_f64(),
            "p99_seconds": most.as_secs_f64(),
            "max_seconds": longest.as_secs_f64(),
        }))?;
    } else {
        out.line(format_args!(
            "{name:<28}{:>14}{:>12}{:>12}{:>12}",
            human::count(per_second as u64),
            human::time(half),
            human::time(most),
            human::time(longest)
        ))?;
    }
    out.flush()
}
