//! `dstore blocks pin`: what collections keep.

mod add;
mod ls;
mod rm;

use clap::{Args, Subcommand};
use datastore_blocks::Pins;

use super::kept::Kept;
use super::{Context, cid};
use crate::exit::Exit;
use crate::failure::Result;

/// Say which blocks `gc` keeps
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  dstore blocks pin add fjall:data CID --name website
  dstore blocks pin ls fjall:data
  dstore blocks pin rm fjall:data CID"
)]
pub(super) struct Pin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(add::Add),
    Rm(rm::Rm),
    Ls(ls::Ls),
}

impl Pin {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        match self.command {
            Command::Add(add) => add.run(kept, context).await,
            Command::Rm(rm) => rm.run(kept, context).await,
            Command::Ls(ls) => ls.run(kept, context).await,
        }
    }
}

/// Reads a name of pins: before anything is read or stored, since it may be too long.
pub(super) fn name(text: &str) -> Result<String, String> {
    let (len, most) = (text.len(), Pins::MAX_NAME_LEN);
    if len > most {
        Err(format!("it has {len} bytes; {most} at most"))
    } else {
        Ok(text.to_owned())
    }
}

fn mode_name(mode: datastore_blocks::PinMode) -> &'static str {
    match mode {
        datastore_blocks::PinMode::Recursive => "recursive",
        datastore_blocks::PinMode::Direct => "direct",
    }
}
