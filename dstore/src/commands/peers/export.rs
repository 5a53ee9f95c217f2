use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use datastore::{Clock, Copied, SystemClock};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::Peerstore;
use peerstore::interop::{Exported, to_go, to_js};
use serde_json::json;

use super::settings::Opening;
use super::{Context, left_out, opened};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::human;
use crate::output;
use crate::progress::Progress;
use crate::rows::{Failed, Frame, Writer};
use crate::store_arg::StoreArg;

/// Write the peers as the rows that go-libp2p or js-libp2p would have of them
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers export fjall:node > go.json
  dstore peers export fjall:node --format js -o js.json
  dstore peers export fjall:node --private-keys -o whole.json

It writes a dump, which `dstore import` puts into a store as it is, and `dstore peers import` reads. Go's rows are \
those of pstoreds, js's those of its peer store 12. What has expired is not written.
What has no place there is named on standard error: reputation, tags in go, metadata that is neither text nor bytes in \
js, nor a number or a truth value in go, private keys in js, and those that were not asked for. Numbers become Go's \
int, uint64 and float64: the sizes that they had are not kept. It reads a frozen view, where the store has one. \
With -o the file appears once it is whole; one with private keys is for its owner alone to read.")]
pub(super) struct Export {
    /// URL of the store
    store: StoreArg,
    /// Whose rows to write
    #[arg(long, value_enum, default_value_t = Theirs::Go)]
    format: Theirs,
    /// Write private keys too
    #[arg(long)]
    private_keys: bool,
    /// Where to write, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Theirs {
    /// go-libp2p, pstoreds
    Go,
    /// js-libp2p, the peer store of version 12
    Js,
}

impl Export {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store, format, private_keys, output } = self;
        let (peers, _) = opened::as_of_now(&store, opening, context).await?;
        let now = SystemClock::new().now();
        let what = What { peers, format, private_keys, now };
        let Some(path) = output.filter(|path| path != Path::new("-")) else {
            what.write(&mut context.out, output::failed).await?;
            return Ok(Exit::Done);
        };
        let failed: Failed = |error| Failure::io("cannot write the export", error);
        let file = if private_keys { NewFile::create_private } else { NewFile::create };
        let (file, sums) = what.write(file(&path)?, failed).await?;
        file.finish()?;
        let Sums { peers, rows, left_out } = sums;
        if context.out.is_json() {
            let line = json!({ "peers": peers, "rows": rows, "left_out": left_out });
            context.out.object(&line)?;
        } else {
            let (peers, rows) = (human::peers(peers), human::count(rows));
            let left_out = human::count(left_out);
            context.out.line(format_args!("exported {peers}: rows {rows}, left out {left_out}"))?;
        }
        Ok(Exit::Done)
    }
}

struct What {
    peers: Peerstore,
    format: Theirs,
    private_keys: bool,
    now: SystemTime,
}

#[derive(Default)]
struct Sums {
    peers: u64,
    rows: u64,
    left_out: u64,
}

impl What {
    async fn write<W: Write>(&self, to: W, failed: Failed) -> Result<(W, Sums)> {
        let mut to = Writer::dump(to, Frame::default()).map_err(failed)?;
        let progress = Progress::of_peers("exporting");
        let mut sums = Sums::default();
        let mut found = pin!(self.peers.peers());
        while let Some(peer) = found.try_next().await? {
            let Exported { rows, left_out } = self.rows(&peer).await?;
            for (key, value) in rows {
                to.write(&key, &value, failed)?;
                sums.rows += 1;
            }
            let others = self.without_place(&peer).await?;
            let left_out = left_out.iter().map(ToString::to_string);
            for what in left_out.chain(others.into_iter().map(str::to_owned)) {
                left_out::complain(peer, what);
                sums.left_out += 1;
            }
            sums.peers += 1;
            progress.set(Copied { entries: sums.peers, bytes: 0 });
        }
        Ok((to.finish().map_err(failed)?, sums))
    }

    async fn rows(&self, peer: &PeerId) -> Result<Exported> {
        let Some(known) = self.peers.export(peer, self.private_keys).await? else {
            return Ok(Exported::default());
        };
        let exported = match self.format {
            Theirs::Go => to_go(&known, self.now)?,
            Theirs::Js => to_js(&known, self.now)?,
        };
        Ok(exported)
    }

    /// What is in no export.
    async fn without_place(&self, peer: &PeerId) -> Result<Vec<&'static str>> {
        let mut without = Vec::new();
        if !self.private_keys && self.peers.keys().private(peer).await?.is_some() {
            without.push("the private key: not asked for with --private-keys");
        }
        if self.peers.reputation().get(peer).await?.requests() > 0 {
            without.push("reputation");
        }
        Ok(without)
    }
}
