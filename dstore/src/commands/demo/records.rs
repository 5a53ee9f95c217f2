//! A datastore by itself, with made-up records.

use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Page, Query, key};
use datastore_open::StoreUrl;
use futures::stream;

use super::data::{addresses, block, contents, record};
use super::teller::Teller;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::stores::Stores;

const RECORDS: u64 = 20_000;
const BLOCKS: u64 = 2_000;
pub(super) const BLOCK_SIZE: usize = 4096;

pub(super) async fn store_records(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<()> {
    tell.begin(
        "Below, it is a key-value store: put provider records and blocks into it",
        &[
            "store.put(&key!(\"/providers\").child(id)?, addresses).await?;",
            "store.put_many(blocks).await?;   // a stream, in batches",
        ],
    )?;
    let start = tell.start();
    for number in 0..RECORDS {
        store.put(&record(number)?, addresses(number)).await?;
    }
    let puts = tell.elapsed(start);
    let blocks = (0..BLOCKS).map(|number| Ok((block(number)?, contents(number))));
    store.put_many(stream::iter(blocks)).await?;
    let rate = RECORDS as f64 / puts.as_secs_f64();
    tell.end(start, RECORDS + BLOCKS, &format!(
        "{} records one by one, {} a second, and {} blocks of {}; all of it survives a crash of the node",
        human::count(RECORDS),
        human::count(rate as u64),
        human::count(BLOCKS),
        human::bytes(BLOCK_SIZE as u64)
    ))
}

pub(super) async fn commit_together(
    tell: &mut Teller<'_>,
    store: &Arc<dyn Datastore>,
) -> Result<()> {
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
    let (old, new, seen) = (record(0)?, record(RECORDS)?, key!("/seen/last"));
    let found = store.read(&old, datastore::Want::Value).await?;
    let version = found.as_ref().and_then(datastore::Found::version);
    let Some(version) = version else {
        return Err(Failure::new(Exit::Defect, format!("{old} has no version")));
    };
    let batch = Batch::new()
        .delete(old.clone())
        .put(new, addresses(RECORDS))
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

pub(super) async fn list_by_page(tell: &mut Teller<'_>, store: &Arc<dyn Datastore>) -> Result<()> {
    tell.begin("List by prefix, in order, page by page", &[
        "let query = Query::descendants(key!(\"/providers\")).limit(3);",
        "let page = store.query_page(&query).await?;",
        "let next = store.query_page(&query.resume(page.next)).await?;   // now, or after a restart",
    ])?;
    let start = tell.start();
    let query = Query::descendants(key!("/providers")).limit(3);
    let page = store.query_page(&query).await?;
    show(tell, &page)?;
    if let Some(cursor) = page.next {
        tell.note("the page after it:")?;
        show(tell, &store.query_page(&query.resume(cursor)).await?)?;
    }
    let listed = tell.start();
    let count = store.count(Query::descendants(key!("/providers"))).await?;
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

pub(super) async fn look_at_a_frozen_view(
    tell: &mut Teller<'_>,
    store: &Arc<dyn Datastore>,
) -> Result<()> {
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

pub(super) async fn open_again(
    tell: &mut Teller<'_>,
    stores: &Stores,
    (store, url): (Arc<dyn Datastore>, &StoreUrl),
) -> Result<()> {
    tell.begin(
        "Close, open again: everything is there",
        &["store.close().await?;", "let store = datastore_open::open(url).await?;"],
    )?;
    let start = tell.start();
    store.close().await?;
    let store = stores.open_url(url).await?;
    let (mut found, expected) = (0, RECORDS + 1);
    for number in 1..RECORDS {
        let there = store.get(&record(number)?).await?;
        found += u64::from(there == Some(addresses(number)));
    }
    found += store.count(Query::descendants(key!("/seen"))).await?;
    found += u64::from(store.has(&record(RECORDS)?).await?);
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
    )
}
