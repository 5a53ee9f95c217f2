use std::path::{Path, PathBuf};

use clap::Args;
use datastore::{Batch, Copied, Datastore, MANY_BYTES, MANY_OPS};
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::files;
use crate::human;
use crate::progress::Progress;
use crate::rows::{self, Format, Row};
use crate::store_arg::StoreArg;

/// Put entries that are written as text: JSON lines, or a dump
#[derive(Args)]
#[command(after_help = "Examples:
  dstore import fjall:data data.jsonl
  dstore import fjall:data peers.json                   a dump of a go or js peer store
  zcat data.jsonl.gz | dstore import fjall:data

Formats, told apart by how the input begins (see `dstore export --help`):
  jsonl   {\"key\":\"/peers/a%FF\",\"value\":\"AAEC\"}   a line an entry; the value in base64
  dump    {\"entries\": [{\"key\": \"/peers/a\", \"value\": \"000102\"}]}   or `rows` for `entries`; the key
          as it is, the value in hex; what is beside the rows is passed over

It writes in batches, in bounded memory, and waits until all of it is as durable as the store can make it.
With --json it prints a line as each batch is committed: {\"committed\":N,\"last\":KEY}, N since the start.
Ended early, or by a bad line, it keeps what was committed and can be run again: it writes the same.
Exit code 6 if the input is not what it should be.")]
pub(crate) struct Import {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// What to read; standard input if it is `-` or left out
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How it is written; found out if it is left out
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Most entries of a batch
    #[arg(long, value_name = "N", default_value_t = MANY_OPS as u32,
          value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
}

impl Import {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, file, format, batch } = self;
        let url = store.url()?;
        // Opened first: a file that is not there should not leave a new store behind.
        let input = files::input(Path::new(&file))?;
        let store = context.stores.open_url(&url).await?;
        let mut rows = rows::read(input, format)?;
        let mut importer = Importer {
            store: &*store,
            batch: Batch::new(),
            bytes: 0,
            read: Copied::default(),
            committed: 0,
            progress: if context.out.is_json() {
                Progress::beside_output("importing")
            } else {
                Progress::open_ended("importing")
            },
        };
        while let Some(row) = rows.recv().await {
            match row {
                Ok(row) => {
                    importer.push(row);
                    if importer.is_full(batch) {
                        importer.commit(context).await?;
                    }
                }
                Err(failure) => {
                    importer.commit(context).await?;
                    store.sync().await?;
                    let kept = human::entries(importer.committed);
                    return Err(
                        failure.hint(format!("imported before it: {kept}; mend it and run again"))
                    );
                }
            }
        }
        importer.commit(context).await?;
        store.sync().await?;

        let Copied { entries, bytes } = importer.read;
        drop(importer);
        if context.out.is_json() {
            context.out.object(&json!({ "imported": entries, "bytes": bytes }))?;
        } else {
            let (entries, bytes) = (human::entries(entries), human::bytes(bytes));
            context.out.line(format_args!("imported {entries}, {bytes}"))?;
        }
        Ok(Exit::Done)
    }
}

struct Importer<'s> {
    store: &'s dyn Datastore,
    batch: Batch,
    /// Bytes of the batch.
    bytes: usize,
    read: Copied,
    committed: u64,
    progress: Progress,
}

impl Importer<'_> {
    fn push(&mut self, Row { key, value }: Row) {
        let bytes = key.as_bytes().len() + value.len();
        self.bytes += bytes;
        self.read.entries += 1;
        self.read.bytes += bytes as u64;
        self.batch = std::mem::take(&mut self.batch).put(key, value);
    }

    fn is_full(&self, most: u32) -> bool {
        self.batch.ops.len() as u64 >= u64::from(most) || self.bytes >= MANY_BYTES
    }

    async fn commit(&mut self, context: &mut Context) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let Some(last) = batch.ops.last().map(|op| op.key().clone()) else { return Ok(()) };
        self.store.commit(batch).await?;
        self.committed = self.read.entries;
        self.progress.set(self.read);
        if context.out.is_json() {
            context.out.object(&json!({ "committed": self.committed, "last": last }))?;
            context.out.flush()?;
        }
        Ok(())
    }
}
