mod data;
mod teller;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use data::{addresses, block, contents, peer};
use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Page, Query, key};
use datastore_open::StoreUrl;
use futures::stream;
use teller::Teller;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;

/// Show what a store does for a node, step by step, on disk
#[derive(Args)]
#[command(after_help = "Examples:
  dstore demo                   in a temporary directory, which is removed
  dstore demo --dir data        in a directory that stays, for you to look into")]
pub(crate) struct Demo {
    /// Where to put the store: a directory that is empty or not there. It stays
    #[arg(long)]
    dir: Option<PathBuf>,
}

const PEERS: u64 = 20_000;
const BLOCKS: u64 = 2_000;
const BLOCK_SIZE: usize = 4096;

impl Demo {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let (path, stays) = match self.dir {
            Some(path) => (path, true),
            None => (context.stores.temporary_directory()?.join("store"), false),
        };
        let url = StoreUrl::of_path("fjall", &path)?;
        let shown = path.display();
        let mut tell = Teller::new(&mut context.out);

        tell.begin(
            "Open a store: an embedded engine in a directory",
            &[&format!("let store = datastore_open::open({:?}).await?;", url.to_string())],
        )?;
        let start = tell.start();
        let store = context.stores.open_url(&url).await?;
        if store.count(Query::all().limit(1)).await? > 0 {
            return Err(Failure::usage(format!(
                "{shown} holds a store with entries: the demo wants none"
            ))
            .hint("name a directory that is not there yet"));
        }
        tell.end(start, 0, "opened")?;

        store_records(&mut tell, &store).await?;
        commit_together(&mut tell, &store).await?;
        list_by_page(&mut tell, &store).await?;
        look_at_a_frozen_view(&mut tell, &store).await?;

        tell.begin(
            "Close, open again: everything is there",
            &["store.close().await?;", "let store = datastore_open::open(url).await?;"],
        )?;
        let start = tell.start();
        store.close().await?;
        let store = context.stores.open_url(&url).await?;
        let (mut found, expected) = (0, PEERS + 1);
        for number in 1..PEERS {
            let there = store.get(&peer(number)?).await?;
            found += u64::from(there == Some(addresses(number)));
        }
        found += store.count(Query::descendants(key!("/peers/seen"))).await?;
        found += u64::from(store.has(&peer(PEERS)?).await?);
        if found != expected {
            let message = format!("{expected} records were stored, {found} are there");
            return Err(Failure::new(Exit::Damaged, message));
        }
        let report = store.check().await?;
        let sound = if report.is_clean() { "no damage" } else { "damage" };
        tell.end(
            start,
            found,
            &format!(
                "{} records read again and compared; a check of all files found {sound}",
                human::count(found)
            ),
        )?;

        if !tell.out.is_json() {
            tell.out.line(if stays {
                format!(
                    "\nNow look into it yourself:\n  \
                     dstore stat '{url}'\n  \
                     dstore ls '{url}' --below /peers/addrs --limit 5\n  \
                     dstore get '{url}' {}",
                    peer(1)?
                )
            } else {
                "\nThat was in a temporary directory. To look into it yourself: dstore demo --dir data"
                    .to_owned()
            })?;
        }
        Ok(Exit::Done)
    }
}

async fn store_records(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<()> {
    tell.begin(
        "Store what a node knows: addresses of peers, and blocks",
        &[
            "store.put(&key!(\"/peers/addrs\").child(peer_id)?, addresses).await?;",
            "store.put_many(blocks).await?;   // a stream, in batches",
        ],
    )?;
    let start = tell.start();
    for number in 0..PEERS {
        store.put(&peer(number)?, addresses(number)).await?;
    }
    let puts = tell.elapsed(start);
    let blocks = (0..BLOCKS).map(|number| Ok((block(number)?, contents(number))));
    store.put_many(stream::iter(blocks)).await?;
    let rate = PEERS as f64 / puts.as_secs_f64();
    tell.end(start, PEERS + BLOCKS, &format!(
        "{} peers one by one, {} a second, and {} blocks of {}; all of it survives a crash of the node",
        human::count(PEERS),
        human::count(rate as u64),
        human::count(BLOCKS),
        human::bytes(BLOCK_SIZE as u64)
    ))
}

async fn commit_together(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<()> {
    tell.begin(
        "Change records together: all or nothing, and only if nobody else did",
        &[
            "let found = store.read(&old, Want::Value).await?;",
            "let batch = Batch::new().delete(old).put(new, addresses).put(seen, time)",
            "    .unchanged(old, found.version()).synced();",
            "store.commit(batch).await?;",
        ],
    )?;
    let start = tell.start();
    let (old, new, seen) = (peer(0)?, peer(PEERS)?, key!("/peers/seen/last"));
    let found = store.read(&old, datastore::Want::Value).await?;
    let version = found.as_ref().and_then(datastore::Found::version);
    let Some(version) = version else {
        return Err(Failure::new(Exit::Defect, format!("{old} has no version")));
    };
    let batch = Batch::new()
        .delete(old.clone())
        .put(new, addresses(PEERS))
        .put(seen, "2026-01-01T00:00:00Z")
        .unchanged(old, version)
        .synced();
    store.commit(batch.clone()).await?;
    tell.end(start, 3, "a delete and two puts, on the disk when the call returned")?;
    match store.commit(batch).await {
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tell.note(&format!("once more, and it is refused, nothing of it done: {error}"))
        }
        Err(error) => Err(error.into()),
        Ok(()) => Err(Failure::new(Exit::Defect, "a condition that does not hold was passed over")),
    }
}

async fn list_by_page(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<()> {
    tell.begin("List by prefix, in order, page by page", &[
        "let query = Query::descendants(key!(\"/peers/addrs\")).limit(3);",
        "let page = store.query_page(&query).await?;",
        "let next = store.query_page(&query.resume(page.next)).await?;   // now, or after a restart",
    ])?;
    let start = tell.start();
    let query = Query::descendants(key!("/peers/addrs")).limit(3);
    let page = store.query_page(&query).await?;
    show(tell, &page)?;
    if let Some(cursor) = page.next {
        tell.note("the page after it:")?;
        show(tell, &store.query_page(&query.resume(cursor)).await?)?;
    }
    let listed = tell.start();
    let count = store.count(Query::descendants(key!("/peers/addrs"))).await?;
    let rate = count as f64 / tell.elapsed(listed).as_secs_f64();
    let (count_shown, rate) = (human::count(count), human::count(rate as u64));
    tell.end(start, count, &format!("all {count_shown} keys: {rate} a second"))
}

fn show(tell: &mut Teller<'_>, page: &Page) -> Result<()> {
    for entry in &page.entries {
        let addresses =
            entry.value().map(|value| String::from_utf8_lossy(value)).unwrap_or_default();
        let first = addresses.split(',').next().unwrap_or_default();
        tell.note(&format!("{}  {first} …", entry.key()))?;
    }
    Ok(())
}

async fn look_at_a_frozen_view(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<()> {
    tell.begin(
        "Freeze a view, and go on writing",
        &[
            "let view = store.snapshot().await?;",
            "store.delete_many(store.query_keys(Query::descendants(key!(\"/blocks\")))).await?;",
        ],
    )?;
    let start = tell.start();
    let blocks = || Query::descendants(key!("/blocks"));
    let view = store.snapshot().await?;
    store.delete_many(store.query_keys(blocks())).await?;
    let (now, then) = (store.count(blocks()).await?, view.count(blocks()).await?);
    view.close().await?;
    tell.end(
        start,
        then,
        &format!(
            "blocks in the store now: {}; in the view, still: {}",
            human::count(now),
            human::count(then)
        ),
    )
}
