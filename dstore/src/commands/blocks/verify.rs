use clap::Args;
use datastore::Copied;
use datastore_blocks::{Damaged, Fate, ScrubOptions, ScrubReport};
use serde_json::{Value, json};

use super::Context;
use super::kept::Kept;
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::output::Output;
use crate::progress::Progress;
use crate::store_arg::StoreArg;

/// Read every block and hash it
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks verify fjall:data && echo sound
  dstore blocks verify fjall:data --quarantine          moves what is damaged out of the way
  dstore blocks verify fjall:data --json

It only reports, and opens the store for reading, unless it is told to move. A block in quarantine, below \
`/block-quarantine`, is absent: putting or importing it again restores it, while a damaged block that stays \
where it is passes for one that is there.
Exit code 4 if anything is damaged, moved or not.")]
pub(super) struct Verify {
    /// URL of the store
    store: StoreArg,
    /// Move damaged blocks to `/block-quarantine`
    #[arg(long)]
    quarantine: bool,
}

impl Verify {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, quarantine } = self;
        let blocks = if quarantine {
            kept.open_existing(&store, context).await?
        } else {
            kept.open_to_read(&store, context).await?
        };
        let progress = Progress::open_ended("verifying").of_blocks();
        let tell = |so_far: &ScrubReport| {
            progress.set(Copied { entries: so_far.blocks, bytes: so_far.bytes });
        };
        let options = ScrubOptions::new().quarantine(quarantine);
        let report = blocks.scrub(options, tell).await?;
        if quarantine {
            blocks.sync().await?;
        }
        drop(progress);
        if context.out.is_json() {
            write_object(&mut context.out, &report)?;
        } else {
            write_text(&mut context.out, &report)?;
        }
        Ok(if report.is_clean() { Exit::Done } else { Exit::Damaged })
    }
}

fn write_text(out: &mut Output, report: &ScrubReport) -> Result<()> {
    for damaged in &report.damaged {
        let Damaged { key, size, fate, .. } = damaged;
        let fate = match fate {
            Fate::Moved(to) => format!("; moved to {to}"),
            Fate::Changed => "; it was replaced meanwhile".to_owned(),
            _ => String::new(),
        };
        let size = human::count(*size);
        out.line(format_args!("damaged: {key}: its {size} bytes have another digest{fate}"))?;
    }
    if report.more_damaged > 0 {
        out.line(format_args!("damaged: {} more", human::blocks(report.more_damaged)))?;
    }
    let (good, bytes) = (human::blocks(report.blocks), human::bytes(report.bytes));
    let damage = if report.is_clean() { "no damage" } else { "and the damage above" };
    out.line(format_args!("{good} verified ({bytes}), {damage}"))?;
    if report.unverifiable > 0 {
        let count = human::count(report.unverifiable);
        out.line(format_args!("of hash functions that are not known here: {count}"))?;
    }
    if report.foreign > 0 {
        let count = human::count(report.foreign);
        out.line(format_args!("no blocks, and left alone: {count}"))?;
    }
    Ok(())
}

fn write_object(out: &mut Output, report: &ScrubReport) -> Result<()> {
    let damaged: Vec<Value> = report
        .damaged
        .iter()
        .map(|Damaged { key, size, fate, .. }| {
            let (fate, moved) = match fate {
                Fate::Moved(to) => ("moved", Some(to)),
                Fate::Changed => ("changed", None),
                _ => ("reported", None),
            };
            json!({ "key": key, "size": size, "fate": fate, "moved": moved })
        })
        .collect();
    out.object(&json!({
        "blocks": report.blocks,
        "bytes": report.bytes,
        "damaged": damaged,
        "more_damaged": report.more_damaged,
        "unverifiable": report.unverifiable,
        "foreign": report.foreign,
    }))
}
