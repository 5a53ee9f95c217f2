use clap::Args;
use datastore::{Capabilities, Conditions, Datastore, DatastoreExt, ErrorKind, Survives};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::selection::Selection;
use crate::store_arg::StoreArg;

/// Count entries and bytes, and say what the store promises
#[derive(Args)]
#[command(after_help = "Examples:
  dstore stat fjall:data
  dstore stat fjall:data --below /peers --json

It walks the keys that are selected; values are not read where the store can tell their size otherwise.
A bucket is opened for reading, beside whoever writes it; what it promises to writers is tried out, and told,
with `access=shared` in the URL.")]
pub(crate) struct Stat {
    /// URL of the store
    store: StoreArg,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Default)]
struct Sums {
    entries: u64,
    key_bytes: u64,
    value_bytes: u64,
    largest_value: u64,
}

impl Stat {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, selection } = self;
        let url = store.url()?;
        let store = context.stores.open_to_read(&store).await?;
        let mut sums = Sums::default();
        let mut entries = store.query(selection.query().sizes_only());
        while let Some(entry) = entries.try_next().await? {
            let size = entry.size().unwrap_or_default();
            sums.entries += 1;
            sums.key_bytes += entry.key().as_bytes().len() as u64;
            sums.value_bytes += size;
            sums.largest_value = sums.largest_value.max(size);
        }
        let on_disk = match store.disk_usage().await {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            Err(error) => return Err(error.into()),
        };
        let promises = promises(&store.capabilities());
        if context.out.is_json() {
            let Sums { entries, key_bytes, value_bytes, largest_value } = sums;
            let promises: serde_json::Map<String, Value> =
                promises.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
            context.out.object(&json!({
                "store": url.redacted(),
                "entries": entries,
                "key_bytes": key_bytes,
                "value_bytes": value_bytes,
                "largest_value": largest_value,
                "disk_usage": on_disk,
                "capabilities": promises,
            }))?;
            return Ok(Exit::Done);
        }
        let out = &mut context.out;
        out.line(url.redacted())?;
        out.line(format_args!("  entries        {}", human::count(sums.entries)))?;
        out.line(format_args!("  keys           {}", human::bytes(sums.key_bytes)))?;
        out.line(format_args!(
            "  values         {}, the largest {}",
            human::bytes(sums.value_bytes),
            human::bytes(sums.largest_value)
        ))?;
        let on_disk = on_disk.map_or_else(|| "does not tell".to_owned(), human::bytes);
        out.line(format_args!("  disk           {on_disk}"))?;
        out.line("promises")?;
        for (_, words, value) in promises {
            let value = match value {
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                Value::String(text) => text,
                Value::Null => "not tried out: add access=shared to the URL".to_owned(),
                other => other.to_string(),
            };
            out.line(format_args!("  {words:<38} {value}"))?;
        }
        Ok(Exit::Done)
    }
}

/// Name for programs, words for people, and the answer.
fn promises(capabilities: &Capabilities) -> Vec<(&'static str, &'static str, Value)> {
    let survives = |survives| match survives {
        Survives::Nothing => "nothing",
        Survives::Process => "the end of the process",
        Survives::Power => "a loss of power",
    };
    let conditions = match capabilities.conditions {
        // A handle that reads alone has not asked the server.
        _ if !capabilities.writable => None,
        Conditions::Unsupported => Some("none"),
        Conditions::SinglePut => Some("on a put of one key"),
        Conditions::SingleKey => Some("on batches of one key"),
        Conditions::AnyBatch => Some("on any batch"),
    };
    vec![
        ("writable", "takes writes, opened as it is", json!(capabilities.writable)),
        ("atomic_batches", "a batch lands whole or not at all", json!(capabilities.atomic_batches)),
        ("conditions", "conditions", json!(conditions)),
        ("buffered", "a buffered commit survives", json!(survives(capabilities.buffered))),
        ("synced", "a synced commit survives", json!(survives(capabilities.synced))),
        ("snapshots", "snapshots", json!(capabilities.snapshots)),
        ("consistent_pages", "a page is from one moment", json!(capabilities.consistent_pages)),
        ("fast_descending", "descending as fast as ascending", json!(capabilities.fast_descending)),
        ("max_key_len", "longest key, bytes", json!(capabilities.max_key_len)),
        ("max_value_len", "largest value, bytes", json!(capabilities.max_value_len)),
    ]
}
