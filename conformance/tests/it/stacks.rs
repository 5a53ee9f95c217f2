//! The memory store, each wrapper over it, and stacks of them.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Datastore, Fault, Injected, MemoryDatastore, Namespace, Operation, Position, ReadOnly,
    WriteBehind, WriteBehindOptions, key,
};
use datastore_conformance::{Scratch, Suite};

pub(crate) fn suites() -> Vec<Suite> {
    vec![
        Suite::new(|| async { Ok(memory()) }).name("memory"),
        Suite::new(|| async { Ok(Namespace::new(memory(), key!("/a/b"))) }).name("namespace"),
        Suite::new(|| async { Ok(Fault::new(memory())) }).name("fault"),
        Suite::new(|| async { Ok(ReadOnly::new(memory())) }).name("read_only"),
        Suite::new(|| async { Ok(boxed()) }).name("boxed"),
        Suite::new(|| async { Ok(short_pages(memory(), 2)) }).name("short_pages"),
        Suite::new(|| async { Ok(WriteBehind::new(memory())) }).name("write_behind"),
        Suite::new(|| async { Ok(busy(memory())) }).name("write_behind_busy"),
        Suite::new(|| async { Ok(busy(ReadOnly::new(memory()))) }).name("write_behind_read_only"),
        Suite::new(|| async { Ok(write_behind_stack()) }).name("write_behind_stack"),
        Suite::new(|| async { Ok(stack()) }).name("stack"),
        Suite::new(Scratch::new(Arc::new(memory()), key!("/scratch"))).name("scratch"),
    ]
}

fn memory() -> MemoryDatastore {
    MemoryDatastore::new()
}

fn boxed() -> Box<dyn Datastore> {
    Box::new(Arc::new(Box::new(memory()) as Box<dyn Datastore>))
}

/// The last of every so many pages has two entries at most.
pub(crate) fn short_pages<S: Datastore>(inner: S, every: u64) -> Fault<S> {
    let store = Fault::new(inner);
    store.inject(Operation::QueryPage, Position::Every(every), Injected::ShortPage(2));
    store
}

/// Flushes all the time, and holds so little that most batches wait, and many go through.
pub(crate) fn busy<S: Datastore>(inner: S) -> WriteBehind<S> {
    let options = WriteBehindOptions {
        flush_keys: 3,
        flush_age: Duration::ZERO,
        max_keys: 8,
        max_bytes: 4_000,
        ..WriteBehindOptions::default()
    };
    WriteBehind::with_options(inner, options)
}

/// Both levels shorten pages. A flush in between decides which page of one meets which of the other, so their periods
/// have no common factor: otherwise all pages may be short, each cut from a long one.
pub(crate) fn write_behind_stack() -> impl Datastore {
    let inner = WriteBehind::new(Namespace::new(short_pages(memory(), 2), key!("/inner")));
    short_pages(Namespace::new(busy(inner), key!("/outer")), 3)
}

pub(crate) fn stack() -> impl Datastore {
    let inner: Arc<dyn Datastore> = Arc::new(Namespace::new(memory(), key!("/inner")));
    short_pages(Namespace::new(Fault::new(inner), key!("/outer")), 2)
}
