//! The commands of `dstore peers`, one a file.

mod add;
mod export;
mod gc;
mod import;
mod left_out;
mod ls;
mod opened;
mod peer;
mod rm;
mod settings;
mod show;
mod stats;
mod value;

use clap::{Args, Subcommand};
pub(super) use import::read;
use settings::Settings;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;

/// What a node knows of its peers: addresses, keys, protocols, metadata, tags, reputation
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  dstore peers import fjall:node pstoreds.json         what a go, js or py node knew
  dstore peers ls fjall:node --with-addresses
  dstore peers show fjall:node PEER
  dstore peers stats fjall:node
  dstore peers export fjall:node --format js > rows.json
  dstore peers gc config: --config peers.toml          the store, and as the node opens it

They lie below `/peers`. What has expired is not shown, and goes with the next `gc`. One peerstore at a time may \
write there: stop the node before you change anything."
)]
pub(crate) struct Peers {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(ls::Ls),
    Show(show::Show),
    Add(add::Add),
    Rm(rm::Rm),
    Gc(gc::Gc),
    Import(import::Import),
    Export(export::Export),
    Stats(stats::Stats),
}

impl Peers {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let opening = &self.settings.read()?;
        match self.command {
            Command::Ls(ls) => ls.run(opening, context).await,
            Command::Show(show) => show.run(opening, context).await,
            Command::Add(add) => add.run(opening, context).await,
            Command::Rm(rm) => rm.run(opening, context).await,
            Command::Gc(gc) => gc.run(opening, context).await,
            Command::Import(import) => import.run(opening, context).await,
            Command::Export(export) => export.run(opening, context).await,
            Command::Stats(stats) => stats.run(opening, context).await,
        }
    }
}
