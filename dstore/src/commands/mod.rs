//! The commands, one a file: what each takes, and what it does.

pub(crate) mod bench;
pub(crate) mod blocks;
pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod conformance;
pub(crate) mod copy;
pub(crate) mod del;
pub(crate) mod demo;
pub(crate) mod du;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod has;
pub(crate) mod import;
pub(crate) mod ls;
pub(crate) mod peers;
pub(crate) mod put;
pub(crate) mod size;
pub(crate) mod stat;

use crate::cli::Command;
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::Output;
use crate::so_far::SoFar;
use crate::stores::Stores;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) stores: Stores,
    pub(crate) out: Output,
    pub(crate) so_far: SoFar,
}

/// Runs a command, and hands on all of its output.
pub(crate) async fn run(command: Command, mut context: Context) -> Result<Exit> {
    let context = &mut context;
    let exit = match command {
        Command::Put(put) => put.run(context).await,
        Command::Get(get) => get.run(context).await,
        Command::Del(del) => del.run(context).await,
        Command::Has(has) => has.run(context).await,
        Command::Size(size) => size.run(context).await,
        Command::Ls(ls) => ls.run(context).await,
        Command::Stat(stat) => stat.run(context).await,
        Command::Du(du) => du.run(context).await,
        Command::Copy(copy) => copy.run(context).await,
        Command::Check(check) => check.run(context).await,
        Command::Compact(compact) => compact.run(context).await,
        Command::Export(export) => export.run(context).await,
        Command::Import(import) => import.run(context).await,
        Command::Blocks(blocks) => blocks.run(context).await,
        Command::Peers(peers) => peers.run(context).await,
        Command::Demo(demo) => demo.run(context).await,
        Command::Bench(bench) => bench.run(context).await,
        Command::Conformance(conformance) => conformance.run(context).await,
    };
    // What was said before a failure is said all the same.
    let flushed = context.out.flush();
    let exit = exit?;
    flushed.map(|()| exit)
}
