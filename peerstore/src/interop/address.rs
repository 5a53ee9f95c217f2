use bytes::Bytes;
use multiaddr::Multiaddr;

use super::skipped::SkipReason;

/// An address in its binary form. The empty one is none: nothing can be reached under it.
pub(super) fn address(bytes: &Bytes) -> Result<Multiaddr, SkipReason> {
    let refused = |cause: String| SkipReason::Address { bytes: bytes.clone(), cause };
    if bytes.is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    Multiaddr::try_from(bytes.to_vec()).map_err(|error| refused(error.to_string()))
}
