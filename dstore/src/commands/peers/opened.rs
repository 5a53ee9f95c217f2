use std::sync::Arc;

use datastore::{Datastore, ReadOnly, SystemClock, frozen};
use peerstore::{GcStrategy, Peerstore, PeerstoreOptions, WriteBehindMode};

use super::Context;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// Opens the peers of a store that is only read.
pub(super) async fn to_read(store: &StoreArg, context: &Context) -> Result<Peerstore> {
    let store = ReadOnly::new(context.stores.open_to_read(store).await?);
    open(Arc::new(store), WriteBehindMode::Off).await
}

/// As [`to_read`], as they are at this moment, where the store can tell; and the store beside them.
pub(super) async fn as_of_now(
    store: &StoreArg,
    context: &Context,
) -> Result<(Peerstore, Arc<dyn Datastore>)> {
    let store = frozen(&context.stores.open_to_read(store).await?).await?;
    let store: Arc<dyn Datastore> = Arc::new(ReadOnly::new(store));
    Ok((open(Arc::clone(&store), WriteBehindMode::Off).await?, store))
}

/// Opens the peers of a store that is written; one that is not there is not created.
pub(super) async fn to_change(store: &StoreArg, context: &Context) -> Result<Peerstore> {
    // A change is there when the line that tells of it is printed.
    open(context.stores.open_existing(store).await?, WriteBehindMode::Off).await
}

/// Opens the peers of a store that many are written to; one that is not there is created.
pub(super) async fn to_fill(store: &StoreArg, context: &Context) -> Result<Peerstore> {
    open(context.stores.open_url(&store.url()?).await?, WriteBehindMode::Auto).await
}

async fn open(store: Arc<dyn Datastore>, write_behind: WriteBehindMode) -> Result<Peerstore> {
    let mut options = PeerstoreOptions::default();
    options.write_behind.mode = write_behind;
    options.gc.strategy = GcStrategy::Manual;
    // How much is kept is for the node to say: what it allows is not known here.
    let limits = &mut options.limits;
    (limits.peers, limits.watermarks) = (0, 0);
    (limits.addresses, limits.protocols, limits.tags) = (0, 0, 0);
    (limits.metadata_entries, limits.metadata_bytes, limits.envelope_bytes) = (0, 0, 0);
    Ok(Peerstore::open_with(store, Arc::new(SystemClock::new()), options).await?)
}
