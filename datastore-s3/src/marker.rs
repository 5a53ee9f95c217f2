//! The object that says how a store is laid out.

use bytes::Bytes;
use datastore::{Error, ErrorKind, Result};

use crate::names::Names;
use crate::remote::{Remote, When};

/// The layout that this crate writes. Raise the number with the layout: keys to names (`names.rs`), and
/// what objects carry (`metadata.rs`).
const LAYOUT: &str = "datastore-s3 1";

pub(crate) const MARKER: &str = "format";

/// Makes sure that there is a store of this layout; makes one if `create`.
pub(crate) async fn ensure(remote: &Remote, names: &Names, create: bool) -> Result<()> {
    let name = names.own(MARKER);
    let place = remote.bucket.place();
    if let Some(found) = read(remote, &name).await? {
        return check(&found, place);
    }
    if !create {
        let message = format!("there is no store below `{}` in {place}", names.prefix());
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    let made = remote.put_if(&name, Bytes::from_static(LAYOUT.as_bytes()), &When::Absent).await;
    match made {
        Ok(_) => Ok(()),
        // Somebody else made it at the same time.
        Err(given_up) if given_up.failure.is_condition() => match read(remote, &name).await? {
            Some(found) => check(&found, place),
            None => Err(given_up.into_error("making a store", place)),
        },
        // A server that does not know conditions makes it all the same.
        Err(given_up) if given_up.failure.is_unsupported() => remote
            .put(&name, Bytes::from_static(LAYOUT.as_bytes()))
            .await
            .map_err(|given_up| given_up.into_error("making a store", place)),
        Err(given_up) => Err(given_up.into_error("making a store", place)),
    }
}

async fn read(remote: &Remote, name: &str) -> Result<Option<Bytes>> {
    let found = remote.get(name, None).await;
    let place = remote.bucket.place();
    let found = found.map_err(|given_up| given_up.into_error("opening the store", place))?;
    Ok(found.map(|found| found.value))
}

fn check(found: &[u8], place: &str) -> Result<()> {
    if found == LAYOUT.as_bytes() {
        return Ok(());
    }
    let found = found.get(..64).unwrap_or(found).escape_ascii();
    let message =
        format!("the store in {place} has the layout \"{found}\", and this is \"{LAYOUT}\"");
    Err(Error::new(ErrorKind::Incompatible, message))
}
