//! `dstore blocks dag`: what blocks link to.

mod ls;

use clap::{Args, Subcommand};

use super::kept::Kept;
use super::{Context, cid, codes};
use crate::exit::Exit;
use crate::failure::Result;

/// Follow the links of blocks
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  dstore blocks dag ls fjall:data CID
  dstore blocks dag ls fjall:data CID --recursive"
)]
pub(super) struct Dag {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(ls::Ls),
}

impl Dag {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        match self.command {
            Command::Ls(ls) => ls.run(kept, context).await,
        }
    }
}
