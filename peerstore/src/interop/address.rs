use bytes::Bytes;
use multiaddr::Multiaddr;

use super::skipped::SkipReason;
use crate::multiaddrs;

/// An address in its binary form.
pub(super) fn address(bytes: &Bytes) -> Result<Multiaddr, SkipReason> {
    multiaddrs::read(bytes).map_err(|cause| SkipReason::Address { bytes: bytes.clone(), cause })
}
