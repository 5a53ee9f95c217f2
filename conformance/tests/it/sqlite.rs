//! The SQLite store of the examples.

use std::sync::Arc;

use datastore_conformance::{Factory, Suite, reopenable};
use tempfile::TempDir;

use crate::fjall::directory;

#[path = "../../examples/sqlite/store.rs"]
mod store;

pub(crate) fn suites() -> Vec<Suite> {
    vec![Suite::new(sqlite()).name("sqlite")]
}

pub(crate) fn sqlite() -> impl Factory {
    let open = |dir: Arc<TempDir>| async move {
        store::SqliteDatastore::open(dir.path().join("db")).await
    };
    reopenable(directory, open)
}
