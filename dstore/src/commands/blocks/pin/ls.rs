use std::pin::pin;

use clap::{Args, ValueEnum};
use datastore_blocks::{Pin, PinMode, PinRow};
use futures::TryStreamExt;
use serde_json::json;

use super::{Context, Kept, mode_name};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;

/// List the pins
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks pin ls fjall:data
  dstore blocks pin ls fjall:data --mode direct
  dstore blocks pin ls fjall:data --json                {\"cid\":…,\"mode\":\"recursive\",\"name\":…}

Each with its mode and name; CIDs as version 1, whichever was pinned.
Exit code 4 if a row cannot be read.")]
pub(super) struct Ls {
    /// URL of the store
    store: StoreArg,
    /// Only these
    #[arg(long, value_enum)]
    mode: Option<Mode>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Pins that keep all that is reached
    Recursive,
    /// Pins that keep a block alone
    Direct,
}

impl Ls {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, mode } = self;
        let mode = mode.map(|mode| match mode {
            Mode::Recursive => PinMode::Recursive,
            Mode::Direct => PinMode::Direct,
        });
        let pins = kept.open_to_read(&store, context).await?.pins();
        let mut rows = pin!(pins.list(mode));
        let mut damaged = Vec::new();
        while let Some(row) = rows.try_next().await? {
            match row {
                PinRow::Pin(Pin { cid, mode, name, .. }) => {
                    let mode = mode_name(mode);
                    if context.out.is_json() {
                        let pin = json!({ "cid": cid.to_string(), "mode": mode, "name": name });
                        context.out.object(&pin)?;
                    } else {
                        let line = format!("{cid}  {mode:<9}  {}", name.escape_debug());
                        context.out.line(line.trim_end())?;
                    }
                }
                PinRow::Damaged { key, error } => damaged.push(format!("{key}: {error}")),
                _ => {}
            }
        }
        if damaged.is_empty() {
            return Ok(Exit::Done);
        }
        let failure = Failure::new(Exit::Damaged, "some rows of pins cannot be read");
        Err(damaged
            .into_iter()
            .fold(failure, Failure::caused_by)
            .hint("delete them with `dstore del`, and pin again"))
    }
}
