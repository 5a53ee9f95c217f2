use std::sync::Arc;

use datastore::{Datastore, ReadOnly, SystemClock, frozen};
use peerstore::{Peerstore, PeerstoreOptions};

use super::Context;
use super::settings::Opening;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// What peers are opened to.
#[derive(Clone, Copy, Debug)]
pub(super) enum To {
    /// Be read, beside whoever writes the store where that is possible.
    Read,
    /// Be written in a few places; a store that is not there is not created.
    Change,
    /// Be written many at a time; a store that is not there is created.
    Fill,
}

/// Opens the peers of a store, to be closed however the command ends.
pub(super) async fn open(
    to: To,
    store: &StoreArg,
    opening: &Opening,
    context: &Context,
) -> Result<Peerstore> {
    let (stores, url) = (&context.stores, opening.url(store)?);
    let (store, options) = match to {
        To::Read => (read_only(stores.open_url_to_read(&url).await?), opening.to_read()),
        To::Change => (stores.open_existing_url(&url).await?, opening.to_change()),
        To::Fill => (stores.open_url(&url).await?, opening.to_fill()),
    };
    peers_in(store, options, context).await
}

/// As [`open`] to be read, as they are at this moment, where the store can tell; and the store beside them.
pub(super) async fn as_of_now(
    store: &StoreArg,
    opening: &Opening,
    context: &Context,
) -> Result<(Peerstore, Arc<dyn Datastore>)> {
    let store = context.stores.open_url_to_read(&opening.url(store)?).await?;
    let store = read_only(frozen(&store).await?);
    Ok((peers_in(Arc::clone(&store), opening.to_read(), context).await?, store))
}

fn read_only(store: Arc<dyn Datastore>) -> Arc<dyn Datastore> {
    Arc::new(ReadOnly::new(store))
}

async fn peers_in(
    store: Arc<dyn Datastore>,
    options: PeerstoreOptions,
    context: &Context,
) -> Result<Peerstore> {
    let peers = Peerstore::open_with(store, Arc::new(SystemClock::new()), options).await?;
    context.stores.close_first(&peers);
    Ok(peers)
}
