//! The memory store, each wrapper over it, and stacks of them.

use std::sync::Arc;

use datastore::{
    Datastore, Fault, Injected, MemoryDatastore, Namespace, Operation, Position, ReadOnly, key,
};
use datastore_conformance::{Scratch, Suite};

pub(crate) fn suites() -> Vec<Suite> {
    vec![
        Suite::new(|| async { Ok(memory()) }).name("memory"),
        Suite::new(|| async { Ok(Namespace::new(memory(), key!("/a/b"))) }).name("namespace"),
        Suite::new(|| async { Ok(Fault::new(memory())) }).name("fault"),
        Suite::new(|| async { Ok(ReadOnly::new(memory())) }).name("read_only"),
        Suite::new(|| async { Ok(boxed()) }).name("boxed"),
        Suite::new(|| async { Ok(short_pages(memory())) }).name("short_pages"),
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

/// Pages may be shorter than asked for.
fn short_pages<S: Datastore>(inner: S) -> Fault<S> {
    let store = Fault::new(inner);
    store.inject(Operation::QueryPage, Position::Every(2), Injected::ShortPage(2));
    store
}

pub(crate) fn stack() -> impl Datastore {
    let inner: Arc<dyn Datastore> = Arc::new(Namespace::new(memory(), key!("/inner")));
    short_pages(Namespace::new(Fault::new(inner), key!("/outer")))
}
