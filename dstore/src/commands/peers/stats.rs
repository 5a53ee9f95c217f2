use std::collections::BTreeMap;
use std::pin::pin;

use clap::Args;
use datastore::{Copied, Datastore, DatastoreExt, Expiry, Query, key};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::{Address, PeerCounts, Peerstore};
use serde_json::{Map, Value, json};

use super::settings::Opening;
use super::{Context, opened};
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::output::Output;
use crate::progress::Progress;
use crate::store_arg::StoreArg;

/// Count peers, addresses, what each book has, and rows
#[derive(Args)]
#[command(after_help = "Examples:
  dstore peers stats fjall:node
  dstore peers stats fjall:node --json

It reads all that is known of every peer, from a frozen view where the store has one. What has expired counts among \
the books and the rows alone, until `dstore peers gc`. Under keys are those that an id does not hold itself; a \
watermark is the number that is left of a signed record. Rows are counted by where they lie below `/peers`, whoever \
wrote them.
What collections have taken away is kept in no store: `dstore peers gc` says it of its own, and a node knows it of \
those since it began.")]
pub(super) struct Stats {
    /// URL of the store
    store: StoreArg,
}

/// What is counted of the peers, and how many of them there are.
type Counts = [(&'static str, u64); 12];

impl Stats {
    pub(super) async fn run(self, opening: &Opening, context: &mut Context) -> Result<Exit> {
        let Self { store } = self;
        let (peers, store) = opened::as_of_now(&store, opening, context).await?;
        let progress = Progress::of_peers("counting");
        let mut sums = Sums::default();
        let mut found = pin!(peers.peers());
        while let Some(peer) = found.try_next().await? {
            sums.add(&peers, &peer).await?;
            progress.set(Copied { entries: sums.peers, bytes: 0 });
        }
        drop(progress);
        let (books, rows) = (peers.counts().await?, rows(&*store).await?);
        write(&mut context.out, &sums.counts(), &books, &rows)?;
        Ok(Exit::Done)
    }
}

#[derive(Default)]
struct Sums {
    peers: u64,
    with_addresses: u64,
    addresses: u64,
    certified: u64,
    permanent: u64,
    signed_records: u64,
    public_keys: u64,
    private_keys: u64,
    protocols: u64,
    metadata: u64,
    tags: u64,
    with_reputation: u64,
}

impl Sums {
    async fn add(&mut self, peers: &Peerstore, peer: &PeerId) -> Result<()> {
        let addresses = peers.addresses().get(peer).await?;
        let count =
            |of: fn(&Address) -> bool| addresses.entries().filter(|at| of(at)).count() as u64;
        self.peers += 1;
        self.with_addresses += u64::from(!addresses.is_empty());
        self.addresses += addresses.len() as u64;
        self.certified += count(Address::is_certified);
        self.permanent += count(|address| address.expiry() == Expiry::NEVER);
        self.signed_records += u64::from(peers.addresses().record(peer).await?.is_some());
        self.public_keys += u64::from(peers.keys().public(peer).await?.is_some());
        self.private_keys += u64::from(peers.keys().private(peer).await?.is_some());
        self.protocols += peers.protocols().get(peer).await?.len() as u64;
        self.metadata += peers.metadata().all(peer).await?.len() as u64;
        self.tags += peers.tags().get(peer).await?.len() as u64;
        let requests = peers.reputation().get(peer).await?.requests();
        self.with_reputation += u64::from(requests > 0);
        Ok(())
    }

    fn counts(&self) -> Counts {
        [
            ("peers", self.peers),
            ("with_addresses", self.with_addresses),
            ("addresses", self.addresses),
            ("certified", self.certified),
            ("permanent", self.permanent),
            ("signed_records", self.signed_records),
            ("public_keys", self.public_keys),
            ("private_keys", self.private_keys),
            ("protocols", self.protocols),
            ("metadata", self.metadata),
            ("tags", self.tags),
            ("with_reputation", self.with_reputation),
        ]
    }
}

/// Rows and their bytes, by what lies next below `/peers`.
async fn rows(store: &dyn Datastore) -> Result<BTreeMap<String, Copied>> {
    let peers = key!("/peers");
    let mut entries = store.query(Query::descendants(peers.clone()).sizes_only());
    let mut rows = BTreeMap::<String, Copied>::new();
    while let Some(entry) = entries.try_next().await? {
        let rest = peers.strip_from(entry.key());
        let rest = rest.filter(|rest| !rest.is_top_level());
        let place = rest.map_or_else(
            || "others".to_owned(),
            |rest| rest.first_segment().escape_ascii().to_string(),
        );
        let sum = rows.entry(place).or_default();
        sum.entries += 1;
        sum.bytes += entry.key().as_bytes().len() as u64 + entry.size().unwrap_or_default();
    }
    Ok(rows)
}

/// Peers by the books that have something of them.
fn by_book(books: &PeerCounts) -> [(&'static str, u64); 8] {
    [
        ("addresses", books.addresses),
        ("watermarks", books.watermarks),
        ("protocols", books.protocols),
        ("keys", books.keys),
        ("private_keys", books.private_keys),
        ("tags", books.tags),
        ("reputation", books.reputation),
        ("metadata", books.metadata),
    ]
}

fn write(
    out: &mut Output,
    counts: &Counts,
    books: &PeerCounts,
    rows: &BTreeMap<String, Copied>,
) -> Result<()> {
    if out.is_json() {
        let rows = rows.iter().map(|(place, Copied { entries, bytes })| {
            (place.clone(), json!({ "rows": entries, "bytes": bytes }))
        });
        let rows: Map<String, Value> = rows.collect();
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count)));
        let mut line: Map<String, Value> = counts.collect();
        line.insert("books".to_owned(), json!(books));
        line.insert("rows".to_owned(), Value::Object(rows));
        return out.object(&line);
    }
    for (name, count) in counts {
        out.line(format_args!("{:>12}  {}", human::count(*count), name.replace('_', " ")))?;
    }
    out.line("peers in each book")?;
    for (name, count) in by_book(books) {
        out.line(format_args!("{:>12}  {}", human::count(count), name.replace('_', " ")))?;
    }
    out.line("rows below /peers")?;
    for (place, Copied { entries, bytes }) in rows {
        let (entries, bytes) = (human::count(*entries), human::bytes(*bytes));
        out.line(format_args!("{entries:>12}  {place}, {bytes}"))?;
    }
    Ok(())
}
