//! Stores that cannot be written, and came with something in them.

use datastore::{
    Batch, Datastore, Fault, Injected, Key, MemoryDatastore, Namespace, Operation, Position,
    ReadOnly, Result, key,
};
use datastore_conformance::Suite;

pub(crate) fn suites() -> Vec<Suite> {
    vec![
        Suite::new(|| async { Ok(ReadOnly::new(filled().await?)) }).name("read_only_filled"),
        Suite::new(below_short_pages).name("read_only_stack"),
    ]
}

/// Keys that are prefixes of each other, some that are not text, empty and large values.
async fn filled() -> Result<MemoryDatastore> {
    let mut batch = Batch::new().put(key!("/large"), vec![7; 100_000]).put(key!("/empty"), "");
    for number in 0..300_u16 {
        batch =
            batch.put(Key::new(format!("/kept/{}/{number}", number % 7))?, vec![1; number.into()]);
    }
    for byte in 0x80..=0xFF {
        batch = batch.put(key!("/bytes").child([byte])?, [byte].to_vec());
    }
    let store = MemoryDatastore::new();
    store.commit(batch).await?;
    Ok(store)
}

async fn below_short_pages() -> Result<impl Datastore> {
    let store = Fault::new(filled().await?);
    store.inject(Operation::QueryPage, Position::Every(2), Injected::ShortPage(2));
    Ok(ReadOnly::new(Namespace::new(store, key!("/kept"))))
}
