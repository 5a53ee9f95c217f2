//! The end of a store.

use datastore::{Error, ErrorKind, Query, Result};

use crate::core::Core;
use crate::{lease, marker, pages};

/// Deletes what a store keeps for itself, if it keeps nothing else.
pub(crate) async fn remove(core: &Core) -> Result<()> {
    let page = pages::page(core, &Query::all().keys_only().limit(1)).await?;
    if let Some(entry) = page.entries.first() {
        let message = format!("the store in {} still has this key", core.place());
        return Err(Error::new(ErrorKind::InvalidInput, message).with_key(entry.key().clone()));
    }
    // The marker last: what was removed in part can be opened and removed again.
    for name in [core.names.own(lease::LEASE), core.names.own(marker::MARKER)] {
        let deleted = core.remote.delete(&name).await;
        deleted
            .map_err(|given_up| given_up.into_write_error("removing the store", core.place()))?;
    }
    Ok(())
}
