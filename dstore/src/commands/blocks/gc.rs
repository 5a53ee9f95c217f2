use std::error::Error as _;
use std::pin::pin;

use clap::Args;
use datastore::{Copied, ErrorKind};
use datastore_blocks::{Blockstore, GcOptions, GcReport};
use futures::TryStreamExt;
use serde_json::json;

use super::Context;
use super::kept::Kept;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::output::Output;
use crate::progress::Progress;
use crate::store_arg::StoreArg;

/// Remove the blocks that no pin reaches
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks gc fjall:data --dry-run                 counts what would go
  dstore blocks gc fjall:data
  dstore blocks gc fjall:data --discard                 gives up a run that was interrupted
  dstore blocks gc s3://bucket/node --marks fjall:marks

It walks what the pins reach, then removes the rest; ended early, it goes on where it was when it is run again. \
Until then its marks are below `/block-gc`, or in the store that --marks names, and writes are marked too. \
Where nothing is pinned all blocks would go: that takes --yes.
Exit code 4, and nothing is removed, if a block that a pin reaches is missing, or one with links is damaged: those \
are read, of raw leaves and direct pins it is asked whether they are there. `dstore blocks verify` reads all.")]
pub(super) struct Gc {
    /// URL of the store
    store: StoreArg,
    /// Count what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on where a block that a pin reaches is missing: what only that one links to goes
    #[arg(long)]
    despite_missing: bool,
    /// Remove all blocks where nothing is pinned
    #[arg(long)]
    yes: bool,
    /// Give up a run that was interrupted, and remove its marks
    #[arg(long, conflicts_with_all = ["dry_run", "despite_missing", "yes"])]
    discard: bool,
    /// Where marks are kept: a store that is near, since there are many; the same when it is run again
    #[arg(long, value_name = "URL")]
    marks: Option<StoreArg>,
}

impl Gc {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, dry_run, despite_missing, yes, discard, marks } = self;
        let marks = marks.map(|marks| marks.url()).transpose()?;
        let store = context.stores.open_existing(&store).await?;
        let mut options = kept.options();
        if let Some(url) = marks {
            options = options.marks(context.stores.open_url(&url).await?);
        }
        let blocks = options.open(store).await?;
        if discard {
            let discarded = blocks.discard_collection().await?;
            if context.out.is_json() {
                context.out.object(&json!({ "discarded": discarded }))?;
            } else {
                let what = if discarded { "discarded the run" } else { "there is no such run" };
                context.out.line(what)?;
            }
            return Ok(Exit::Done);
        }
        if !dry_run && !yes {
            refuse_without_pins(&blocks).await?;
        }
        let progress = Progress::open_ended("collecting").of_blocks();
        let options = GcOptions::new().dry_run(dry_run).despite_missing(despite_missing);
        let options = options.progress(move |at| {
            let entries = at.marked.max(at.kept + at.swept);
            progress.set(Copied { entries, bytes: at.swept_bytes });
        });
        let report = blocks.collect_garbage(options).await.map_err(stopped)?;
        blocks.sync().await?;
        write(&mut context.out, &report, dry_run)?;
        Ok(Exit::Done)
    }
}

async fn refuse_without_pins(blocks: &Blockstore) -> Result<()> {
    let pins = blocks.pins();
    let mut pins = pin!(pins.list(None));
    if pins.try_next().await?.is_some() {
        return Ok(());
    }
    Err(Failure::usage("nothing is pinned, so that all blocks would go: nothing was removed")
        .hint("`dstore blocks pin add` keeps what you want; or say so with --yes"))
}

fn stopped(error: datastore::Error) -> Failure {
    let of_blocks = error.source().and_then(|source| source.downcast_ref::<datastore::Error>());
    let hint = match (error.kind(), of_blocks.map(datastore::Error::kind)) {
        (ErrorKind::Corrupt, Some(ErrorKind::NotFound)) => {
            "put what is missing, unpin what needs it, or go on with --despite-missing"
        }
        (ErrorKind::Corrupt, Some(_)) => {
            "unpin what needs them; what is damaged, `dstore blocks verify --quarantine` moves away, \
             so that it can be put again"
        }
        (ErrorKind::Corrupt, None) => return error.into(),
        _ => "run it again: it goes on where it was",
    };
    Failure::from(error).hint(hint)
}

fn write(out: &mut Output, report: &GcReport, dry_run: bool) -> Result<()> {
    let GcReport {
        marked, kept, kept_bytes, swept, swept_bytes, missing, unknown, resumed, ..
    } = *report;
    if out.is_json() {
        return out.object(&json!({
            "dry_run": dry_run,
            "marked": marked,
            "kept": kept,
            "kept_bytes": kept_bytes,
            "swept": swept,
            "swept_bytes": swept_bytes,
            "missing": missing,
            "unknown": unknown,
            "resumed": resumed,
        }));
    }
    if resumed {
        out.line("went on with a run that was interrupted")?;
    }
    let removed = if dry_run { "would remove" } else { "removed" };
    let (swept, swept_bytes) = (human::blocks(swept), human::bytes(swept_bytes));
    let (kept, kept_bytes) = (human::blocks(kept), human::bytes(kept_bytes));
    out.line(format_args!("{removed} {swept}, {swept_bytes}; kept {kept}, {kept_bytes}"))?;
    if missing > 0 {
        out.line(format_args!("pinned and missing: {}", human::blocks(missing)))?;
    }
    if unknown > 0 {
        out.line(format_args!("no blocks, and left alone: {}", human::count(unknown)))?;
    }
    Ok(())
}
