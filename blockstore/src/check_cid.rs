use cid::CidGeneric;
use datastore::{Error, ErrorKind, Outcome, Result};

use crate::{IDENTITY, MAX_DIGEST_LEN};

/// Checks that there can be such a CID here. The `cid` crate reads some that nobody else does; all that this
/// crate reads of CAR files and links, and all that it stores, were checked.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the codec or the hash function is 2^63 or more, which takes a varint of more than
/// the [9 bytes](https://github.com/multiformats/unsigned-varint) that there may be, or if the digest is longer than
/// [`MAX_DIGEST_LEN`] and not of the identity.
///
/// # Examples
/// ```
/// use datastore_blocks::{Block, RAW, check_cid};
///
/// assert!(check_cid(Block::new(RAW, "hello").cid()).is_ok());
/// assert!(check_cid(Block::new(1 << 63, "hello").cid()).is_err());
/// ```
pub fn check_cid<const S: usize>(cid: &CidGeneric<S>) -> Result<()> {
    let (codec, hash) = (cid.codec(), cid.hash());
    let what = if codec >= END {
        format!("its codec {codec:#x} is not less than 2^63")
    } else if hash.code() >= END {
        format!("its hash function {:#x} is not less than 2^63", hash.code())
    } else if hash.code() != IDENTITY && usize::from(hash.size()) > MAX_DIGEST_LEN {
        format!("its digest of {} bytes is too long", hash.size())
    } else {
        return Ok(());
    };
    let error = Error::new(ErrorKind::InvalidInput, format!("{cid} is no CID: {what}"));
    Err(error.with_outcome(Outcome::NotApplied))
}

/// Takes a CID from the front of bytes, and checks it.
pub(crate) fn take_cid<const S: usize>(
    bytes: &mut &[u8],
) -> std::result::Result<CidGeneric<S>, String> {
    let cid = CidGeneric::read_bytes(bytes).map_err(|error| error.to_string())?;
    check_cid(&cid).map_err(|error| error.to_string())?;
    Ok(cid)
}

/// What a varint of 9 bytes has no room for.
const END: u64 = 1 << 63;
