use std::collections::HashMap;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;

use clap::Args;
use datastore::{Copied, Error, ErrorKind};
use datastore_blocks::{
    Block, Blockstore, CarV2Writer, CarWriter, Cid, Exported, MAX_DIGEST_LEN, Multihash, PinMode,
    PinRow,
};
use futures::io::AllowStdIo;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::human;
use crate::output;
use crate::progress::Progress;
use crate::sink::{Failed, Sink};
use crate::store_arg::StoreArg;

/// Write a CAR file of what is reached from roots, or of all blocks
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks export fjall:data CID > site.car
  dstore blocks export fjall:data CID CID -o sites.car
  dstore blocks export fjall:data CID --v2 -o site.car  with an index
  dstore blocks export fjall:data --all -o all.car

The same roots give the same bytes from every store: a block before what it links, each once. With --all the \
blocks come in the order of `dstore blocks ls`, and with its CIDs; the roots in the header are those that are \
named, or else what is pinned recursively, and their blocks come with the CIDs that they have there.
It reads a frozen view, where the store has one, in bounded memory (the index of --v2 is held until the end), and \
hashes every block. With -o the file appears once it is whole.
Exit code 1 if a block is missing, 4 if one is damaged.")]
pub(super) struct Export {
    /// URL of the store
    store: StoreArg,
    /// The CIDs that the file is to be about
    #[arg(required_unless_present = "all", value_parser = cid::parse)]
    roots: Vec<Cid>,
    /// Every block of the store
    #[arg(long)]
    all: bool,
    /// Where to write, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// CAR version 2, with an index
    #[arg(long)]
    v2: bool,
}

impl Export {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, mut roots, all, output, v2 } = self;
        let output = output.filter(|path| path != Path::new("-"));
        if v2 && output.is_none() {
            return Err(Failure::usage("a CARv2 cannot be written to a pipe: its header is last")
                .hint("say which file: -o FILE"));
        }
        let blocks = kept.open_frozen(&store, context).await?;
        if all && roots.is_empty() {
            roots = pinned(&blocks).await?;
        }
        if all {
            refuse_missing(&blocks, &roots).await?;
        }
        let stream = match all {
            true => under_roots(blocks.get_all().boxed(), &roots, kept.keeps_codecs()),
            false => blocks.dag_blocks(&roots),
        };
        let Some(path) = output else {
            let (sink, failed) = Sink::new(&mut context.out);
            let stream = watched(stream, Progress::beside_output("exporting"));
            write_v1(sink, &roots, stream)
                .await
                .map_err(|error| stopped(error, &failed, output::failed))?;
            return Ok(Exit::Done);
        };
        let mut file = NewFile::create(&path)?;
        let (sink, failed) = Sink::new(&mut file);
        let stream = watched(stream, Progress::open_ended("exporting"));
        let exported = match v2 {
            true => write_v2(sink, &roots, stream).await,
            false => write_v1(sink, &roots, stream).await,
        };
        let cannot = |error| Failure::io("cannot write the export", error);
        let exported = exported.map_err(|error| stopped(error, &failed, cannot))?;
        file.finish()?;
        let Exported { blocks, bytes, .. } = exported;
        if context.out.is_json() {
            context.out.object(&json!({ "exported": blocks, "bytes": bytes }))?;
        } else {
            let (blocks, bytes) = (human::blocks(blocks), human::bytes(bytes));
            context.out.line(format_args!("exported {blocks}, {bytes}"))?;
        }
        Ok(Exit::Done)
    }
}

/// A root that no block of the file is, would be found missing by whoever reads the file.
async fn refuse_missing(blocks: &Blockstore, roots: &[Cid]) -> Result<()> {
    for root in roots {
        if !blocks.has(root).await? {
            let message = format!("there is no block {root}, a root");
            return Err(Failure::from(Error::new(ErrorKind::NotFound, message))
                .hint("name the roots that are there"));
        }
    }
    Ok(())
}

async fn pinned(blocks: &Blockstore) -> Result<Vec<Cid>> {
    let pins = blocks.pins();
    let mut rows = pin!(pins.list(Some(PinMode::Recursive)));
    let mut roots = Vec::new();
    while let Some(row) = rows.try_next().await? {
        match row {
            PinRow::Pin(pin) => roots.push(pin.cid),
            PinRow::Damaged { error, .. } => return Err(error.into()),
            _ => {}
        }
    }
    Ok(roots)
}

/// The blocks of roots under their CIDs there, so that who reads the file finds them: once for each, before what
/// else they are listed under. Where codecs are not kept, that says nothing, and goes.
fn under_roots<'b>(blocks: Blocks<'b>, roots: &[Cid], keeps_codecs: bool) -> Blocks<'b> {
    let mut named: HashMap<Multihash<MAX_DIGEST_LEN>, Vec<Cid>> = HashMap::new();
    for root in roots {
        let cids = named.entry(*root.hash()).or_default();
        if !cids.contains(root) {
            cids.push(*root);
        }
    }
    let mut last = None;
    let placed = blocks.map_ok(move |block| {
        let hash = *block.cid().hash();
        let is_first = last.replace(hash) != Some(hash);
        let Some(cids) = named.get(&hash) else { return vec![Ok(block)] };
        let under = |cid: &Cid| Ok(Block::unverified(*cid, block.data().clone()));
        let mut placed: Vec<_> = cids.iter().filter(|_| is_first).map(under).collect();
        if keeps_codecs && cids.iter().all(|cid| cid.codec() != block.cid().codec()) {
            placed.push(Ok(block));
        }
        placed
    });
    placed.map_ok(stream::iter).try_flatten().boxed()
}

type Blocks<'b> = BoxStream<'b, datastore::Result<Block>>;

fn watched(blocks: Blocks<'_>, progress: Progress) -> Blocks<'_> {
    let progress = progress.of_blocks();
    let mut sum = Copied::default();
    let watched = blocks.inspect_ok(move |block| {
        sum.entries += 1;
        sum.bytes += block.data().len() as u64;
        progress.set(sum);
    });
    watched.boxed()
}

async fn write_v1<W: Write>(
    sink: Sink<W>,
    roots: &[Cid],
    blocks: Blocks<'_>,
) -> datastore::Result<Exported> {
    let mut writer = CarWriter::new(AllowStdIo::new(sink), roots).await?;
    writer.write_all(blocks).await?;
    writer.finish().await
}

async fn write_v2<W: Write + Seek>(
    sink: Sink<W>,
    roots: &[Cid],
    blocks: Blocks<'_>,
) -> datastore::Result<Exported> {
    let mut writer = CarV2Writer::new(AllowStdIo::new(sink), roots).await?.with_index();
    writer.write_all(blocks).await?;
    writer.finish().await
}

/// It may be the output that failed, and not the store.
fn stopped(error: Error, failed: &Failed, of_output: impl FnOnce(io::Error) -> Failure) -> Failure {
    failed.take().map_or_else(|| error.into(), of_output)
}
