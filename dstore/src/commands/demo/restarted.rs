//! The process that finds what another one has stored.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::env;
use std::io::Read;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use datastore::{Expiry, TestClock};
use datastore_open::StoreUrl;
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::{GcReport, Peerstore};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::peers::{self, Taken};
use super::teller::Teller;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::store_arg::StoreArg;

/// What the demo starts itself with, a second time.
#[derive(Args)]
pub(super) struct Restarted {
    /// The store that the first process has closed
    #[arg(long, hide = true, value_name = "URL", requires = "at", conflicts_with = "dir")]
    restarted: Option<StoreArg>,
    /// The time that its clock shows, in milliseconds since 1970
    #[arg(long, hide = true, value_name = "MILLIS", requires = "restarted")]
    at: Option<u64>,
}

/// What it finds.
#[derive(Serialize, Deserialize)]
struct Report {
    peers: Vec<Known>,
    /// Parts of the peers that had expired, and are gone.
    removed: u64,
    trimmed: u64,
}

/// What is known of a peer.
#[derive(Serialize, Deserialize)]
struct Known {
    peer: String,
    addresses: usize,
    record: bool,
    protocols: usize,
    metadata: usize,
    tags: usize,
}

impl Restarted {
    pub(super) fn is_meant(&self) -> bool {
        self.restarted.is_some()
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<Exit> {
        let (Some(store), Some(at)) = (self.restarted, self.at) else { return Ok(Exit::Usage) };
        let store = context.stores.open_existing(&store).await?;
        let clock = TestClock::at(UNIX_EPOCH + Duration::from_millis(at));
        let opened = peers::open(&store, &clock).await?;
        let GcReport { removed, trimmed, .. } = opened.collect().await?;
        let peers = all(&opened).await?;
        opened.close().await?;
        context.out.object(&Report { peers, removed, trimmed })?;
        Ok(Exit::Done)
    }
}

async fn all(peers: &Peerstore) -> Result<Vec<Known>> {
    let (mut all, mut found) = (Vec::new(), pin!(peers.peers()));
    while let Some(peer) = found.try_next().await? {
        all.push(Known {
            peer: peer.to_string(),
            addresses: peers.addresses().get(&peer).await?.len(),
            record: peers.addresses().record(&peer).await?.is_some(),
            protocols: peers.protocols().get(&peer).await?.len(),
            metadata: peers.metadata().all(&peer).await?.len(),
            tags: peers.tags().get(&peer).await?.len(),
        });
    }
    Ok(all)
}

const LATER: Duration = Duration::from_secs(20 * 60);

pub(super) async fn run_in_another_process(
    tell: &mut Teller<'_>,
    url: &StoreUrl,
    taken: &Taken,
) -> Result<()> {
    tell.begin(
        "Restart as a process of its own, 20 minutes later: who is there, and what has expired",
        &[
            "let peers = Peerstore::open(datastore_open::open(url).await?).await?;",
            "peers.collect().await?;                  // takes away what has expired, and looks at nothing else",
            "peers.addresses().get(&peer).await?;",
        ],
    )?;
    let start = tell.start();
    let at = Expiry::at(taken.stopped + LATER).as_millis();
    let Report { peers, removed, trimmed } = ask(url, at).await?;
    let known = peers.len();
    let mut found: BTreeMap<String, Known> =
        peers.into_iter().map(|known| (known.peer.clone(), known)).collect();
    tell.note(
        "peer of    id                addresses  expired  signed  protocols  metadata  tags",
    )?;
    let mut sums = Vec::new();
    for node in taken.nodes() {
        let of_node = taken.peers.iter().filter(|(_, (of, _))| *of == node);
        let mut peers: Vec<Row> = of_node
            .map(|(peer, (_, had))| {
                let there = found.remove(&peer.to_string());
                let is_known = there.is_some();
                let known = there.unwrap_or_else(|| Known::nothing(peer));
                Row { is_known, expired: had.saturating_sub(known.addresses), known }
            })
            .collect();
        peers.sort_by_key(Row::rank);
        for row in peers.iter().take(SHOWN) {
            tell.note(&row.text(node))?;
        }
        let is_known = peers.iter().filter(|row| row.is_known).count();
        let there: usize = peers.iter().map(|row| row.known.addresses).sum();
        let expired: usize = peers.iter().map(|row| row.expired).sum();
        sums.push(format!(
            "{node}: {is_known} of {} are known; {there} addresses are there, {expired} have expired",
            human::peers(peers.len() as u64)
        ));
    }
    tell.note("…")?;
    for sum in sums {
        tell.note(&sum)?;
    }
    tell.end(
        start,
        known as u64,
        &format!(
            "{} are known after the restart; collected: {removed} rows gone, {trimmed} shorter",
            human::peers(known as u64)
        ),
    )
}

/// A peer as it is shown.
struct Row {
    is_known: bool,
    known: Known,
    /// Addresses that it had and has no more.
    expired: usize,
}

impl Row {
    /// First those with a bit of everything.
    fn rank(&self) -> Reverse<(usize, usize)> {
        let Known { addresses, protocols, metadata, tags, .. } = self.known;
        let parts = [addresses, self.expired, protocols, metadata, tags];
        Reverse((parts.iter().filter(|part| **part > 0).count(), self.expired))
    }

    fn text(&self, node: &str) -> String {
        let Known { peer, addresses, record, protocols, metadata, tags } = &self.known;
        let (id, expired) = (short(peer), self.expired);
        let signed = if *record { "yes" } else { "" };
        format!(
            "{node:<9}  {id:<16}  {addresses:>9}  {expired:>7}  {signed:>6}  \
             {protocols:>9}  {metadata:>8}  {tags:>4}"
        )
    }
}

impl Known {
    fn nothing(peer: &PeerId) -> Self {
        Self {
            peer: peer.to_string(),
            addresses: 0,
            record: false,
            protocols: 0,
            metadata: 0,
            tags: 0,
        }
    }
}

/// Peers of each node.
const SHOWN: usize = 5;

fn short(peer: &str) -> String {
    let end = peer.len().saturating_sub(6);
    format!("{}…{}", peer.get(..8).unwrap_or(peer), peer.get(end..).unwrap_or_default())
}

/// Runs this program again, and answers what it found.
async fn ask(url: &StoreUrl, at: u64) -> Result<Report> {
    let failed = |error| Failure::io("cannot start a second process", error);
    let child = Command::new(env::current_exe().map_err(failed)?)
        .args(["demo", "--restarted", &url.to_string(), "--at", &at.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut second = Second(child.map_err(failed)?);
    let (told, telling) = oneshot::channel();
    let mut output = second.0.stdout.take();
    let read = move || {
        let mut said = Vec::new();
        let read = output.as_mut().map_or(Ok(0), |output| output.read_to_end(&mut said));
        // Nobody listens any more: the command has ended.
        drop(told.send(read.map(|_| said)));
    };
    thread::Builder::new().name("dstore-second".to_owned()).spawn(read).map_err(failed)?;
    let said = telling.await.unwrap_or_else(|_| Ok(Vec::new())).map_err(failed)?;
    let status = second.0.wait().map_err(failed)?;
    let defect = |what: &str| Failure::new(Exit::Defect, format!("the second process {what}"));
    if !status.success() {
        return Err(defect("failed").caused_by(status.to_string()));
    }
    serde_json::from_slice(&said)
        .map_err(|error| defect("did not say what it found").caused_by(error.to_string()))
}

/// The second process. It ends with the first one, before what both work on is removed.
struct Second(Child);

impl Drop for Second {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
