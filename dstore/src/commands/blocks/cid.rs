use datastore_blocks::Cid;

use crate::exit::Exit;
use crate::failure::Failure;

/// Reads a CID of either version, in any base.
pub(super) fn parse(text: &str) -> Result<Cid, String> {
    text.parse().map_err(|error| format!("not a CID, as `bafkrei…` and `Qm…` are: {error}"))
}

/// There is no block under it.
pub(super) fn missing(cid: &Cid) -> Failure {
    Failure::new(Exit::No, format!("there is no block {cid}"))
}
