//! The commands of `dstore blocks`, one a file.

mod add;
mod cat;
mod cid;
mod codes;
mod dag;
mod export;
mod gc;
mod get;
mod has;
mod import;
mod kept;
mod ls;
mod pin;
mod put;
mod rm;
mod stat;
mod verify;

use clap::{Args, Subcommand};

use self::kept::Kept;
use super::Context;
use crate::exit::Exit;
use crate::failure::Result;

/// Blocks under their CIDs: verified in and out, files, CAR files, pins, garbage
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  dstore blocks add fjall:data photo.jpg               prints the CID that `ipfs add` prints
  dstore blocks cat fjall:data CID > photo.jpg
  dstore blocks import fjall:data site.car
  dstore blocks export fjall:data CID -o site.car
  dstore blocks verify fjall:data                      reads every block and hashes it

Blocks lie where a Go node with boxo keeps them, below `/blocks`, under their multihashes: CIDs of both \
versions and of any codec name the same block."
)]
pub(crate) struct Blocks {
    #[command(flatten)]
    kept: Kept,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(add::Add),
    Cat(cat::Cat),
    Put(put::Put),
    Get(get::Get),
    Has(has::Has),
    Stat(stat::Stat),
    Ls(ls::Ls),
    Rm(rm::Rm),
    Import(import::Import),
    Export(export::Export),
    Dag(dag::Dag),
    Pin(pin::Pin),
    Gc(gc::Gc),
    Verify(verify::Verify),
}

impl Blocks {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { kept, command } = self;
        let kept = &kept;
        match command {
            Command::Add(add) => add.run(kept, context).await,
            Command::Cat(cat) => cat.run(kept, context).await,
            Command::Put(put) => put.run(kept, context).await,
            Command::Get(get) => get.run(kept, context).await,
            Command::Has(has) => has.run(kept, context).await,
            Command::Stat(stat) => stat.run(kept, context).await,
            Command::Ls(ls) => ls.run(kept, context).await,
            Command::Rm(rm) => rm.run(kept, context).await,
            Command::Import(import) => import.run(kept, context).await,
            Command::Export(export) => export.run(kept, context).await,
            Command::Dag(dag) => dag.run(kept, context).await,
            Command::Pin(pin) => pin.run(kept, context).await,
            Command::Gc(gc) => gc.run(kept, context).await,
            Command::Verify(verify) => verify.run(kept, context).await,
        }
    }
}
