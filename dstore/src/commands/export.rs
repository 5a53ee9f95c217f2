use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use datastore::{Copied, Datastore, DatastoreExt, frozen};
use futures::TryStreamExt;
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::human;
use crate::output;
use crate::progress::Progress;
use crate::rows::{self, Failed, Format, Frame};
use crate::selection::Selection;
use crate::store_arg::StoreArg;

/// Write entries as text: JSON lines, or a dump
#[derive(Args)]
#[command(after_help = "Examples:
  dstore export fjall:data > data.jsonl
  dstore export fjall:data --below /peers -o peers.jsonl
  dstore export fjall:data --format dump --like dump.json -o again.json

Formats:
  jsonl   {\"key\":\"/peers/a%FF\",\"value\":\"AAEC\"}   a line an entry: the key in its text form, where
          %hh is any byte, and the value in base64. Holds any key and value.
  dump    {\"entries\": [{\"key\": \"/peers/a\", \"value\": \"000102\"}]}   one document: the key as it is,
          the value in lower-case hex, a space of indentation a level. Keys must be UTF-8.

It reads a frozen view, where the store has one, in bounded memory. With -o the file appears once it is \
whole.")]
pub(crate) struct Export {
    /// URL of the store
    store: StoreArg,
    #[command(flatten)]
    selection: Selection,
    /// Where to write, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to write
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// A dump to take the rest from: the name of the array and what stands beside it
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
}

impl Export {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, selection, output, format, like } = self;
        let frame = match (format, like) {
            (_, None) => Frame::default(),
            (Format::Dump, Some(path)) => frame_of(&path)?,
            (Format::Jsonl, Some(_)) => {
                return Err(Failure::usage("--like is for dumps: add --format dump"));
            }
        };
        let store = frozen(&context.stores.open_to_read(&store).await?).await?;
        let query = selection.query();
        let Some(path) = output.filter(|path| path != Path::new("-")) else {
            let out = &mut context.out;
            let begun = begin(out, format, frame).map_err(output::failed)?;
            let progress = Progress::beside_output("exporting");
            write(&*store, query, begun, output::failed, progress).await?;
            return Ok(Exit::Done);
        };
        let failed: Failed = |error| Failure::io("cannot write the export", error);
        let begun = begin(NewFile::create(&path)?, format, frame).map_err(failed)?;
        let progress = Progress::open_ended("exporting");
        let (file, sum) = write(&*store, query, begun, failed, progress).await?;
        let Copied { entries, bytes } = sum;
        file.finish()?;
        if context.out.is_json() {
            context.out.object(&json!({ "entries": entries, "bytes": bytes }))?;
        } else {
            let (entries, bytes) = (human::entries(entries), human::bytes(bytes));
            context.out.line(format_args!("exported {entries}, {bytes}"))?;
        }
        Ok(Exit::Done)
    }
}

fn frame_of(path: &Path) -> Result<Frame> {
    let failed = |error| Failure::io(format!("cannot read {}", path.display()), error);
    Frame::of(&std::fs::read(path).map_err(failed)?)
        .map_err(|failure| failure.during(format!("cannot write like {}", path.display())))
}

fn begin<W: Write>(to: W, format: Format, frame: Frame) -> io::Result<rows::Writer<W>> {
    match format {
        Format::Jsonl => Ok(rows::Writer::jsonl(to)),
        Format::Dump => rows::Writer::dump(to, frame),
    }
}

async fn write<W: Write>(
    store: &dyn Datastore,
    query: datastore::Query,
    mut to: rows::Writer<W>,
    failed: Failed,
    progress: Progress,
) -> Result<(W, Copied)> {
    let mut sum = Copied::default();
    let mut entries = store.query(query);
    while let Some(entry) = entries.try_next().await? {
        let value = entry.value().map(AsRef::as_ref).unwrap_or_default();
        to.write(entry.key(), value, failed)?;
        sum.entries += 1;
        sum.bytes += (entry.key().as_bytes().len() + value.len()) as u64;
        progress.set(sum);
    }
    Ok((to.finish().map_err(failed)?, sum))
}
