use std::collections::BTreeMap;

use clap::Args;
use datastore::{Datastore, DatastoreExt, ErrorKind, Key};
use futures::TryStreamExt;
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::selection::Selection;
use crate::store_arg::StoreArg;

/// Say where the bytes are: entries and bytes by the first segments of their keys
#[derive(Args)]
#[command(after_help = "Examples:
  dstore du fjall:data
  dstore du fjall:data --depth 2 --below /peers --json

Bytes are those of keys and values; the last line has what the store takes on its medium.
It keeps a line for each group in memory.")]
pub(crate) struct Du {
    /// URL of the store
    store: StoreArg,
    #[command(flatten)]
    selection: Selection,
    /// How many segments make a group
    #[arg(long, short, default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    depth: u16,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    entries: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }
}

impl Du {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, selection, depth } = self;
        let store = context.stores.open_to_read(&store).await?;
        let mut groups: BTreeMap<Key, Sum> = BTreeMap::new();
        let mut all = Sum::default();
        let mut entries = store.query(selection.query().sizes_only());
        while let Some(entry) = entries.try_next().await? {
            let key = entry.key();
            let bytes = key.as_bytes().len() as u64 + entry.size().unwrap_or_default();
            let group = Key::from_segments(key.segments().take(usize::from(depth)))?;
            groups.entry(group).or_default().add(bytes);
            all.add(bytes);
        }
        let on_disk = match store.disk_usage().await {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            Err(error) => return Err(error.into()),
        };
        let out = &mut context.out;
        if out.is_json() {
            for (key, Sum { entries, bytes }) in &groups {
                out.object(&json!({ "key": key, "entries": entries, "bytes": bytes }))?;
            }
            let Sum { entries, bytes } = all;
            out.object(&json!({ "entries": entries, "bytes": bytes, "disk_usage": on_disk }))?;
            return Ok(Exit::Done);
        }
        for (key, sum) in &groups {
            line(out, *sum, key.to_string())?;
        }
        line(out, all, "total".to_owned())?;
        if let Some(bytes) = on_disk {
            out.line(format_args!("{:>10}  {:>12}  on disk", human::bytes(bytes), ""))?;
        }
        Ok(Exit::Done)
    }
}

fn line(out: &mut crate::output::Output, Sum { entries, bytes }: Sum, name: String) -> Result<()> {
    out.line(format_args!("{:>10}  {:>12}  {name}", human::bytes(bytes), human::count(entries)))
}
