use std::future::ready;
use std::sync::Arc;

use datastore::{Datastore, Error, ErrorKind, MemoryDatastore, Result};

use super::{Backend, Opening};
use crate::StoreUrl;
use crate::place::Place;

/// `memory:` — a new, empty store each time it is opened.
pub(super) const BACKEND: Backend = Backend {
    scheme: "memory",
    form: "memory:",
    about: "in memory: empty when opened, gone when closed",
    options: &[],
    credentials: None,
    check,
    open,
    remove: None,
    place: |_| Ok(Place::OfItsOwn),
};

fn check(url: &StoreUrl) -> Result<()> {
    if url.location().is_empty() {
        return Ok(());
    }
    let message =
        "`memory:` takes no path: nothing of it is kept; for a directory write `fjall:PATH`";
    Err(Error::new(ErrorKind::InvalidInput, message))
}

fn open(_: &StoreUrl) -> Opening {
    Box::pin(ready(Ok(Arc::new(MemoryDatastore::new()) as Arc<dyn Datastore>)))
}
