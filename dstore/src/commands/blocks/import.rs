use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use datastore::{Copied, ErrorKind};
use datastore_blocks::{
    Blockstore, CarOptions, Cid, ImportError, ImportOptions, Imported, LongCid, PinOptions, Policy,
    links,
};
use serde_json::json;
use tokio::sync::oneshot;

use super::kept::Kept;
use super::{Context, pin};
use crate::byte_size::ByteSize;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::output::Output;
use crate::progress::Progress;
use crate::source::{Broken, Source};
use crate::store_arg::StoreArg;

/// Store the blocks of a CAR file, each verified
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks import fjall:data site.car
  curl -s https://example.com/site.car | dstore blocks import fjall:data
  dstore blocks import fjall:data site.car --pin --name site

CAR files of version 1 and 2, of any size, in bounded memory. It writes in batches, and waits until all of it is \
as durable as the store can make it. Blocks that are there already are not written again. What is not pinned \
goes with the next `dstore blocks gc`.
With --json it prints a line as each batch is committed: {\"committed\":N,\"position\":BYTE}, N blocks since the \
start.
Killed, interrupted, or ended by a damaged file, it keeps the batches that were committed, and can be run again.
Exit code 6 if the file is damaged or a block is not what its CID says, with the offset in the file.")]
pub(super) struct Import {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// What to read; standard input if it is `-` or left out
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Pin the roots of the file, which must be in it whole, or there already
    #[arg(long)]
    pin: bool,
    /// What you call the pins
    #[arg(long, requires = "pin", default_value = "", value_parser = pin::name)]
    name: String,
    /// Take a file that was filled up with zeros
    #[arg(long)]
    null_padding: bool,
    /// The largest block that is taken: bytes, or as in 4MiB
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(Policy::MAX_BLOCK_LEN))]
    max_block: ByteSize,
    /// The longest header that is taken, of about 40 bytes for each root: bytes, or as in 32MiB
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(CarOptions::MAX_HEADER_LEN))]
    max_header: ByteSize,
}

impl Import {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, file, pin, name, null_padding, max_block, max_header } = self;
        let (ByteSize(most), ByteSize(max_header)) = (max_block, max_header);
        // Opened first: a file that is not there should not leave a new store behind.
        let source = Source::open(&file)?;
        let policy = Policy::new().max_block_len(most);
        let blocks = kept.open(&store, policy, context).await?;
        // From before the first block until the roots are pinned, no collection takes what is stored.
        let hold = blocks.hold();

        let broken = source.broken();
        let (told, untold) = oneshot::channel();
        let progress = progress(&source, context.out.is_json());
        let tell = tell(progress, context.out.is_json(), told);
        let options = ImportOptions::new().null_padding(null_padding).max_header_len(max_header);
        let options = options.progress(tell);
        let imported = tokio::select! {
            imported = import(&blocks, source, options) => imported,
            Ok(failure) = untold => return Err(failure),
        };
        let imported = imported.map_err(|error| stopped(error, &broken))?;
        let to_pin = if pin { pinnable(&imported)? } else { Vec::new() };
        let pinned = !to_pin.is_empty();
        if pinned {
            pin_roots(&blocks, &to_pin, &name).await?;
        } else if pin {
            tracing::warn!("the CAR file has no root that can be pinned: nothing was pinned");
        }
        drop(hold);
        write(&mut context.out, &imported, pinned)?;
        Ok(Exit::Done)
    }
}

async fn import(
    blocks: &Blockstore,
    source: impl Read + Send + 'static,
    options: ImportOptions,
) -> Result<Imported, ImportError> {
    blocks.import_car(source, options).await
}

fn progress(source: &Source, is_json: bool) -> Progress {
    let progress = match (source.len(), is_json) {
        (Some(len), false) => Progress::up_to("importing", len),
        (Some(len), true) => Progress::beside_output_up_to("importing", len),
        (None, false) => Progress::open_ended("importing"),
        (None, true) => Progress::beside_output("importing"),
    };
    progress.of_blocks()
}

/// Says after each commit how far it is. Where standard output takes no more, the import is to end: that
/// failure is `told`.
fn tell(
    progress: Progress,
    is_json: bool,
    told: oneshot::Sender<Failure>,
) -> impl FnMut(&Imported) + Send + 'static {
    let (mut told, mut out) = (Some(told), Output::new(is_json));
    move |so_far| {
        progress.set(Copied { entries: so_far.blocks, bytes: so_far.position });
        if !is_json {
            return;
        }
        let line = json!({ "committed": so_far.blocks, "position": so_far.position });
        let printed = out.object(&line).and_then(|()| out.flush());
        if let (Err(failure), Some(told)) = (printed, told.take()) {
            // Gone already, it is not there to be ended.
            let _gone = told.send(failure);
        }
    }
}

fn stopped(error: ImportError, broken: &Broken) -> Failure {
    let (is_refused, kept) = (error.offset().is_some(), error.kept().blocks);
    let is_of_file = is_refused || broken.is();
    let mut failure = Failure::from(datastore::Error::from(error));
    if is_of_file {
        failure.exit = Exit::BadData;
    }
    let again = "what is there already is not written again";
    failure = failure.hint(match is_of_file {
        true if kept == 0 => "is it a CAR file, and whole?".to_owned(),
        true => format!("get the file again and run the import again: {again}"),
        false => format!("run it again: {again}"),
    });
    match is_refused {
        true if kept == 0 => {
            failure.hint("--max-header takes a longer header, --max-block larger blocks")
        }
        true => failure.hint("--max-block takes larger blocks"),
        false => failure,
    }
}

/// The roots; of those that are too long to be pinned, and hold their data themselves, what they link to.
fn pinnable(imported: &Imported) -> Result<Vec<Cid>> {
    let mut roots = imported.roots.clone();
    for long in &imported.long_roots {
        let linked = links(long, long.hash().digest()).map_err(|error| {
            Failure::from(error)
                .during("imported, but nothing was pinned: what a root links to is not known")
                .hint("`dstore blocks pin add` pins the others")
        })?;
        roots.extend(linked);
    }
    Ok(roots)
}

async fn pin_roots(blocks: &Blockstore, roots: &[Cid], name: &str) -> Result<()> {
    for root in roots {
        let options = PinOptions::new().name(name);
        blocks.pins().pin_recursive(root, options).await.map_err(|error| {
            let is_missing = error.kind() == ErrorKind::NotFound;
            let failure =
                Failure::from(error).during(format!("imported, but {root} was not pinned"));
            match is_missing {
                true => failure.hint("import what is missing, then `dstore blocks pin add`"),
                false => failure,
            }
        })?;
    }
    blocks.sync().await.map_err(Failure::from)
}

fn write(out: &mut Output, imported: &Imported, pinned: bool) -> Result<()> {
    let Imported { version, roots, long_roots, blocks, identity, stored, .. } = imported;
    let roots: Vec<String> = roots.iter().map(Cid::to_string).collect();
    let long_roots: Vec<String> = long_roots.iter().map(LongCid::to_string).collect();
    if out.is_json() {
        return out.object(&json!({
            "imported": blocks,
            "version": version,
            "roots": roots.iter().chain(&long_roots).collect::<Vec<_>>(),
            "written": stored.written,
            "bytes": stored.bytes,
            "present": stored.present,
            "identity": identity,
            "pinned": pinned,
        }));
    }
    let (read, written) = (human::blocks(*blocks), human::count(stored.written));
    let (bytes, present) = (human::bytes(stored.bytes), human::count(stored.present));
    out.line(format_args!("imported {read}: {written} new, {bytes}; {present} already there"))?;
    let pinned = if pinned { ", pinned" } else { "" };
    roots.iter().try_for_each(|root| out.line(format_args!("root {root}{pinned}")))?;
    // They hold themselves: at most what they link to is pinned.
    long_roots.iter().try_for_each(|root| out.line(format_args!("root {root}")))
}
