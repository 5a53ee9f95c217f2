//! Sizes that only some stores take, and only some runs can afford.

use datastore::{Batch, Content, DatastoreExt, Query, key};

use super::support::{entries, noise};
use crate::bench::Bench;
use crate::case::Need::{FullScale, ValuesOf, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq};

const LARGE: u64 = 64 << 20;

pub(super) const CASES: &[Case] = &[
    case!(
        "limits",
        a_value_of_64_mib_is_a_value,
        [Writable, FullScale, ValuesOf(LARGE)],
        "read, measured, listed, in part and whole"
    ),
    case!(
        "limits",
        a_batch_larger_than_any_buffer_lands,
        [Writable, FullScale, ValuesOf(1 << 20)],
        "96 MiB in one commit"
    ),
];

async fn a_value_of_64_mib_is_a_value(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let (key, value) = (key!("/large"), noise(1, LARGE as usize));
    store.put(&key, value.clone()).await?;
    store.put(&key!("/small"), "1").await?;
    ensure_eq!(store.size(&key).await?, Some(LARGE), "size");
    ensure!(store.get(&key).await?.as_ref() == Some(&value), "another value");
    let middle = store.get_range(&key, LARGE / 2, 1000).await?;
    let expected = value.slice(LARGE as usize / 2..LARGE as usize / 2 + 1000);
    ensure!(middle == Some(expected), "another range of the value");
    let sizes = entries(&store, Query::all().sizes_only()).await?;
    let sizes: Vec<_> = sizes.into_iter().map(|entry| entry.into_parts().1).collect();
    ensure_eq!(sizes, [Content::Size(LARGE), Content::Size(1)], "sizes in a listing");
    let listed = entries(&store, Query::all()).await?;
    ensure_eq!(listed.len(), 2, "entries");
    ensure!(listed.first().and_then(|entry| entry.value()) == Some(&value), "another value listed");
    store.put(&key, "short").await?;
    ensure_eq!(
        store.get(&key).await?,
        Some("short".into()),
        "the value overwritten by a short one"
    );
    Ok(())
}

async fn a_batch_larger_than_any_buffer_lands(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = super::support::numbered("large", 96)?;
    let value = noise(2, 1 << 20);
    let batch = keys.iter().fold(Batch::new(), |batch, key| batch.put(key.clone(), value.clone()));
    store.commit(batch).await?;
    for key in &keys {
        ensure!(store.get(key).await?.as_ref() == Some(&value), "{key} has another value");
    }
    ensure_eq!(store.count(Query::all()).await?, 96, "keys");
    Ok(())
}
