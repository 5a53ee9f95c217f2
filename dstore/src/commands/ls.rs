use clap::Args;
use datastore::{DatastoreExt, Entry, Key, Query, Select};
use futures::TryStreamExt;
use serde::Serialize;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::{Base64, Output};
use crate::selection::Selection;
use crate::store_arg::StoreArg;

/// List keys, in byte order
#[derive(Args)]
#[command(after_help = "Examples:
  dstore ls fjall:data
  dstore ls fjall:data --below /peers/addrs --long
  dstore ls fjall:data --prefix /peers --limit 100                      the first page
  dstore ls fjall:data --prefix /peers --limit 100 --after /peers/x     the next, after its last key
  dstore ls fjall:data --reverse --limit 1                              the last key
  dstore ls fjall:data --values --json                                  {\"key\",\"size\",\"value\":BASE64}

Keys are printed as text, one a line: what is not printable is %hh, so that a line is a key.")]
pub(crate) struct Ls {
    /// URL of the store
    store: StoreArg,
    #[command(flatten)]
    selection: Selection,
    /// Only keys after this one: the cursor of the next page
    #[arg(long, value_name = "KEY", help_heading = "Which keys")]
    after: Option<Key>,
    /// Only keys before this one: the cursor of the next page with --reverse
    #[arg(long, value_name = "KEY", help_heading = "Which keys")]
    before: Option<Key>,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", help_heading = "Which keys")]
    limit: Option<usize>,
    /// Last key first
    #[arg(long, short)]
    reverse: bool,
    /// With the sizes of the values
    #[arg(long, short)]
    long: bool,
    /// With the values: as text with escapes, in base64 with --json
    #[arg(long)]
    values: bool,
}

impl Ls {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, selection, after, before, limit, reverse, long, values } = self;
        let select = match (values, long) {
            (true, _) => Select::Values,
            (false, true) => Select::Sizes,
            (false, false) => Select::Keys,
        };
        let query = Query { after, before, limit, select, ..selection.query() };
        let query = if reverse { query.descending() } else { query };
        let store = context.stores.open_to_read(&store).await?;
        let mut entries = store.query(query);
        while let Some(entry) = entries.try_next().await? {
            if context.out.is_json() {
                write_object(&mut context.out, &entry)?;
            } else {
                write_line(&mut context.out, &entry, long)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn write_line(out: &mut Output, entry: &Entry, long: bool) -> Result<()> {
    let key = entry.key();
    match (entry.size().filter(|_| long), entry.value()) {
        (None, None) => out.line(key),
        (Some(size), None) => out.line(format_args!("{size:>10}  {key}")),
        (None, Some(value)) => out.line(format_args!("{key}\t{}", value.escape_ascii())),
        (Some(size), Some(value)) => {
            out.line(format_args!("{size:>10}  {key}\t{}", value.escape_ascii()))
        }
    }
}

fn write_object(out: &mut Output, entry: &Entry) -> Result<()> {
    #[derive(Serialize)]
    struct Object<'a> {
        key: &'a Key,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<Base64<'a>>,
    }

    let value = entry.value().map(|value| Base64(value));
    out.object(&Object { key: entry.key(), size: entry.size(), value })
}
