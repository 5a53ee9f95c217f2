use std::sync::Arc;

use datastore::{Datastore, ReadOnly, SystemClock, frozen};
use peerstore::{Peerstore, PeerstoreOptions};

use super::Context;
use super::settings::Opening;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// Opens the peers of a store that is only read.
pub(super) async fn to_read(
    store: &StoreArg,
    opening: &Opening,
    context: &Context,
) -> Result<Peerstore> {
    let store = context.stores.open_url_to_read(&opening.url(store)?).await?;
    open(Arc::new(ReadOnly::new(store)), opening.to_read(), context).await
}

/// As [`to_read`], as they are at this moment, where the store can tell; and the store beside them.
pub(super) async fn as_of_now(
    store: &StoreArg,
    opening: &Opening,
    context: &Context,
) -> Result<(Peerstore, Arc<dyn Datastore>)> {
    let store = context.stores.open_url_to_read(&opening.url(store)?).await?;
    let store: Arc<dyn Datastore> = Arc::new(ReadOnly::new(frozen(&store).await?));
    Ok((open(Arc::clone(&store), opening.to_read(), context).await?, store))
}

/// Opens the peers of a store that is written; one that is not there is not created.
pub(super) async fn to_change(
    store: &StoreArg,
    opening: &Opening,
    context: &Context,
) -> Result<Peerstore> {
    let store = context.stores.open_existing_url(&opening.url(store)?).await?;
    open(store, opening.to_change(), context).await
}

/// Opens the peers of a store that many are written to; one that is not there is created.
pub(super) async fn to_fill(
    store: &StoreArg,
    opening: &Opening,
    context: &Context,
) -> Result<Peerstore> {
    let store = context.stores.open_url(&opening.url(store)?).await?;
    open(store, opening.to_fill(), context).await
}

async fn open(
    store: Arc<dyn Datastore>,
    options: PeerstoreOptions,
    context: &Context,
) -> Result<Peerstore> {
    let peers = Peerstore::open_with(store, Arc::new(SystemClock::new()), options).await?;
    context.stores.close_first(&peers);
    Ok(peers)
}
