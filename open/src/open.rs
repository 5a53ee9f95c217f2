use std::sync::Arc;

use datastore::{Datastore, Result};

use crate::StoreUrl;

/// Opens the store that `url` names ([`url_help`](crate::url_help) lists what it may be). Who closes what
/// this returns closes everything that was opened for it.
///
/// # Errors
/// [`ErrorKind::InvalidInput`](datastore::ErrorKind::InvalidInput) for what is not the URL of a store,
/// with a message that says what is; and as [`StoreUrl::open`].
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore::{DatastoreExt, key};
///
/// let store = datastore_open::open("memory:?namespace=/node-7").await?;
/// store.put(&key!("/a"), "1").await?; // `/node-7/a` in the store below
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
pub async fn open(url: &str) -> Result<Arc<dyn Datastore>> {
    url.parse::<StoreUrl>()?.open().await
}
