use bytes::Bytes;
use cid::Cid;
use datastore::{Error, ErrorKind, Outcome, Result};
use multihash::Multihash;

use crate::codecs;
use crate::hashes::{self, IDENTITY, MAX_DIGEST_LEN, SHA2_256};

/// Data, and the CID that it is said to have; whoever stores it verifies that.
///
/// # Examples
/// ```
/// use datastore_blocks::{Block, RAW};
///
/// let block = Block::new(RAW, "hello world");
/// assert_eq!(
///     block.cid().to_string(),
///     "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
/// );
/// block.verify()?;
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    data: Bytes,
}

impl Block {
    /// A block of `data` under its CIDv1 with a SHA2-256 digest.
    pub fn new(codec: u64, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let cid = match multihash_of(SHA2_256, &data, None) {
            Ok(hash) => Cid::new_v1(codec, hash),
            // Not reached: the function is one that is computed here.
            Err(_) => Cid::new_v1(codec, Multihash::default()),
        };
        Self { cid, data }
    }

    /// A block of `data` under its CIDv1 with a digest of the function that `hash` names, such as
    /// [`SHA2_256`], or [`IDENTITY`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a function that is not computed here, or more data than an
    /// identity CID holds.
    pub fn with_hash(codec: u64, hash: u64, data: impl Into<Bytes>) -> Result<Self> {
        let data = data.into();
        Ok(Self { cid: Cid::new_v1(codec, multihash_of(hash, &data, None)?), data })
    }

    /// Data that came with its CID, from a file or a peer; nothing is checked yet.
    pub fn unverified(cid: Cid, data: impl Into<Bytes>) -> Self {
        Self { cid, data: data.into() }
    }

    /// Its CID.
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// Its data.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (Cid, Bytes) {
        (self.cid, self.data)
    }

    /// Checks that the data has the digest of the CID.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(&self) -> Result<()> {
        verify(&self.cid, &self.data)
    }
}

/// Checks that `data` has the digest of `cid`, cut to the length that it has there.
///
/// # Errors
/// [`ErrorKind::InvalidInput`], naming both, if it has another; [`ErrorKind::Unsupported`] for hash
/// functions that are not computed here.
pub fn verify(cid: &Cid, data: &[u8]) -> Result<()> {
    let expected = cid.hash();
    let matches = match expected.code() {
        IDENTITY => expected.digest() == data,
        code => {
            let Some(found) = hashes::digest(code, data) else { return Err(unknown(code)) };
            let len = usize::from(expected.size());
            len > 0 && found.as_bytes().get(..len) == Some(expected.digest())
        }
    };
    if matches { Ok(()) } else { Err(mismatch(cid, data)) }
}

/// The multihash of `data`, with a digest of `len` bytes where the function's usual is not meant, or of all
/// that the function makes, if that is fewer.
fn multihash_of(code: u64, data: &[u8], len: Option<usize>) -> Result<Multihash<MAX_DIGEST_LEN>> {
    let too_long = |_| {
        let (len, most) = (data.len(), MAX_DIGEST_LEN);
        let message = format!("{len} bytes of data, more than the {most} of an identity CID");
        Error::new(ErrorKind::Unsupported, message).with_outcome(Outcome::NotApplied)
    };
    if code == IDENTITY {
        return Multihash::wrap(code, data).map_err(too_long);
    }
    let sum = hashes::digest(code, data).ok_or_else(|| unknown(code))?;
    let len = len.or_else(|| hashes::usual_len(code)).unwrap_or(MAX_DIGEST_LEN);
    let whole = sum.as_bytes();
    Multihash::wrap(code, whole.get(..len).unwrap_or(whole)).map_err(too_long)
}

fn unknown(code: u64) -> Error {
    let message = format!("the hash function {code:#x} is not known here");
    Error::new(ErrorKind::Unsupported, message).with_outcome(Outcome::NotApplied)
}

fn mismatch(cid: &Cid, data: &[u8]) -> Error {
    let expected = cid.hash();
    // A digest of no bytes says nothing.
    let len = Some(expected.digest().len()).filter(|len| *len > 0);
    let found = multihash_of(expected.code(), data, len);
    let found = found.map(|found| {
        let codec = if cid.codec() == 0 { codecs::RAW } else { cid.codec() };
        (hex(found.digest()), Cid::new_v1(codec, found))
    });
    let expected = hex(expected.digest());
    let message = match found {
        Ok((digest, found)) => {
            format!("{cid}: the data has the digest {digest} ({found}), not {expected}")
        }
        Err(_) => format!("{cid}: the data does not have the digest {expected}"),
    };
    Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
