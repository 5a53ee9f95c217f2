use cid::{Cid, CidGeneric};

use crate::Policy;

/// A CID of the identity that holds up to [`Policy::MAX_IDENTITY_LEN`] bytes, more than a
/// [`Cid`] has room for.
pub type LongCid = CidGeneric<{ Policy::MAX_IDENTITY_LEN }>;

/// The same CID with room for another digest; `None` if it has not enough.
pub(crate) fn resized<const FROM: usize, const TO: usize>(
    cid: &CidGeneric<FROM>,
) -> Option<CidGeneric<TO>> {
    let hash = cid.hash().resize().ok()?;
    CidGeneric::new(cid.version(), cid.codec(), hash).ok()
}

/// As a [`Cid`], if that has room for it.
pub(crate) fn usual(cid: &LongCid) -> Option<Cid> {
    resized(cid)
}
