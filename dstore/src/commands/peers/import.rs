use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use datastore::Copied;
use peerstore::interop::{Imported, ImportedPeer, Importer};
use peerstore::{PeerImport, PeerImportOptions, Peerstore};
use serde_json::json;

use super::opened::{self, To};
use super::settings::Opening;
use super::{Context, left_out};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::human;
use crate::progress::Progress;
use crate::rows::{self, AnyKey, Format, Row};
use crate::span::Span;
use crate::store_arg::StoreArg;

/// Take in what a node of go-libp2p, js-libp2p or py-libp2p knew of its peers
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers import fjall:node pstoreds.json
  dstore peers import fjall:node rows.jsonl --private-keys
  dstore peers import fjall:node py.jsonl --ttl 12h

The file has the rows of the other node's datastore, in the formats of `dstore import`. Whose a row is, its key \
tells; go-libp2p's pstoreds, four generations of js-libp2p and py-libp2p's persistent peerstore are known. The keys \
of py are bytes: as JSON lines, `addr:%00%24…`.
Addresses and tags end when they would have ended there: those that have are counted, and not taken. Signed \
records are verified. What is known of a peer already stays. One commit a peer; the peers of the file are held in \
memory.
Over object storage peers are written many at a time: they are there once the command has ended. \
Each peer is printed with the addresses that it has now, those that had expired, and how many protocols, entries \
of metadata and tags were read. What was left out is named on standard error, or with --json among the lines. \
Counted as imported are the peers of which something is known then; of one of which all has expired, or nothing is \
said but the key that its id holds, there is nothing to keep. With the limits of a node (--config, --preset) it says \
how many peers were removed since there was no room.
Exit code 6 if anything was left out that cannot be read or is refused, or there was no room; the rest is there. \
Private keys that were not asked for, what has expired, and signed records whose addresses have, are no reason. \
Ctrl-C ends it with exit code 130 and says how many peers were imported; these stay. Where they are written many at \
a time it first writes those that were gathered; interrupted again, it ends at once and says how many rows may be \
lost. It can be run again.")]
pub(super) struct Import {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// What to read; standard input if it is `-` or left out
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How it is written; found out if it is left out
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Take private keys too: whoever can read the store can read them
    #[arg(long)]
    private_keys: bool,
    /// How long addresses are kept of which the file tells no time: 90s, 30m, 1h, 7d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    ttl: Span,
}

impl Import {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store, file, format, private_keys, ttl: Span(ttl) } = self;
        // Read first: a file that is none should not leave a new store behind.
        let Imported { peers, skipped } = read(files::input(&file)?, format).await?;
        let mut sums = Sums::default();
        for row in skipped {
            sums.refused += 1;
            left_out::tell(&mut context.out, row.key.escape_ascii(), row.reason)?;
        }
        let into = opened::open(To::Fill, &store, opening, context).await?;
        let mut import = Taking { into, private_keys, ttl, sums };
        let progress = Progress::of_peers("importing");
        import.tell(context);
        for peer in peers {
            if let Err(failure) = import.take(peer, context).await {
                // Those before it, which may be gathered; what it failed with says more than what this may.
                let _unused = import.into.close().await;
                return Err(failure);
            }
            import.tell(context);
            progress.set(Copied { entries: import.sums.peers + import.sums.unknown, bytes: 0 });
        }
        drop(progress);
        let evicted = import.evicted();
        import.into.close().await?;
        import.sums.write(evicted, context)?;
        let is_whole = import.sums.refused == 0 && evicted == 0;
        Ok(if is_whole { Exit::Done } else { Exit::BadData })
    }
}

pub(in crate::commands) async fn read(
    input: Box<dyn std::io::Read + Send>,
    format: Option<Format>,
) -> Result<Imported> {
    let mut rows = rows::read(input, format)?;
    let (mut importer, mut read) = (Importer::new(), Copied::default());
    let progress = Progress::open_ended("reading");
    while let Some(row) = rows.recv().await {
        let Row { key: AnyKey(key), value } =
            row.map_err(|failure| failure.hint("nothing was imported"))?;
        importer.push(&key, &value);
        read.entries += 1;
        read.bytes += (key.len() + value.len()) as u64;
        progress.set(read);
    }
    Ok(importer.finish())
}

struct Taking {
    into: Peerstore,
    private_keys: bool,
    ttl: Duration,
    sums: Sums,
}

#[derive(Default)]
struct Sums {
    /// Peers of which something was known once they were taken in.
    peers: u64,
    /// The others.
    unknown: u64,
    addresses: u64,
    expired: u64,
    /// Addresses that went, since one peer has no more.
    over_limit: u64,
    /// Private keys that were not asked for.
    unasked: u64,
    /// Signed records of which the number alone was taken.
    numbers: u64,
    refused: u64,
}

impl Taking {
    /// So many stay if it is interrupted from here on.
    fn tell(&self, context: &Context) {
        let peers = human::peers(self.sums.peers);
        context.so_far.is(match self.evicted() {
            0 => format!("imported before it, and there: {peers}"),
            evicted => format!("imported before it: {peers}; {}", removed(evicted)),
        });
    }

    /// Peers that were removed since a book was full: of the file, or known before.
    fn evicted(&self) -> u64 {
        self.into.gc_stats().evicted_peers
    }

    async fn take(&mut self, mut peer: ImportedPeer, context: &mut Context) -> Result<()> {
        let id = peer.peer;
        if !self.private_keys && peer.private_key.take().is_some() {
            self.sums.unasked += 1;
            let why = "the private key: not asked for with --private-keys";
            left_out::tell(&mut context.out, id, why)?;
        }
        let mut options = PeerImportOptions::default();
        options.ttl = self.ttl;
        options.private_keys = self.private_keys;
        let done = self.into.import(&peer, &options).await.map_err(|error| {
            let kept = human::peers(self.sums.peers);
            Failure::from(error)
                .during(format!("cannot import {id}"))
                .hint(format!("imported before it: {kept}; it can be run again"))
        })?;
        if done.number_alone {
            self.sums.numbers += 1;
            let why = "the signed record: none of its addresses is there; its number is kept";
            left_out::tell(&mut context.out, id, why)?;
        }
        for why in &done.left_out {
            self.sums.refused += 1;
            left_out::tell(&mut context.out, id, why)?;
        }
        self.sums.peers += u64::from(done.is_known);
        self.sums.unknown += u64::from(!done.is_known);
        self.sums.over_limit += done.over_limit as u64;
        self.sums.addresses += done.addresses as u64;
        self.sums.expired += done.expired as u64;
        write(&peer, &done, context)
    }
}

fn write(peer: &ImportedPeer, done: &PeerImport, context: &mut Context) -> Result<()> {
    let PeerImport { addresses, expired, over_limit, expired_tags, is_known, .. } = *done;
    let tags = peer.tags.len() - expired_tags.min(peer.tags.len());
    let (protocols, metadata) = (peer.protocols.len(), peer.metadata.len());
    if context.out.is_json() {
        return context.out.object(&json!({
            "peer": peer.peer.to_string(),
            "known": is_known,
            "addresses": addresses,
            "expired": expired,
            "over_limit": over_limit,
            "protocols": protocols,
            "metadata": metadata,
            "tags": tags,
            "expired_tags": expired_tags,
        }));
    }
    let counts = [
        ("addresses", addresses),
        ("expired", expired),
        ("protocols", protocols),
        ("metadata", metadata),
        ("tags", tags),
        ("expired tags", expired_tags),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.map(|(what, count)| format!("{what} {count}")).collect();
    context.out.line(format_args!("{}  {}", peer.peer, counts.join(", ")).to_string().trim_end())
}

fn removed(evicted: u64) -> String {
    format!("removed, since there was no room: {}", human::peers(evicted))
}

impl Sums {
    fn write(&self, evicted: u64, context: &mut Context) -> Result<()> {
        let Self { peers, unknown, addresses, expired, over_limit, unasked, numbers, refused } =
            *self;
        if context.out.is_json() {
            return context.out.object(&json!({
                "imported": peers,
                "nothing_to_keep": unknown,
                "evicted": evicted,
                "addresses": addresses,
                "expired": expired,
                "over_limit": over_limit,
                "left_out": refused,
                "private_keys_left_out": unasked,
                "records_left_out": numbers,
            }));
        }
        let (peers, addresses) = (human::peers(peers), human::count(addresses));
        let (expired, left) = (human::count(expired), human::count(refused + unasked + numbers));
        context.out.line(format_args!(
            "imported {peers}: addresses {addresses}, expired {expired}, left out {left}"
        ))?;
        if unknown > 0 {
            context.out.line(format_args!("nothing to keep: {}", human::peers(unknown)))?;
        }
        if evicted > 0 {
            context.out.line(removed(evicted))?;
        }
        Ok(())
    }
}
