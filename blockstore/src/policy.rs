use std::collections::BTreeSet;
use std::fmt::Display;

use cid::Cid;
use datastore::{Error, ErrorKind, Outcome, Result};

use crate::hashes::{self, IDENTITY};
use crate::{Block, CarIdentity, check_cid};

/// Which blocks a store takes: hash functions, lengths of digests, sizes.
///
/// It holds for puts and imports. What is stored already is served, whatever the policy says now; where
/// reads are verified, as far as its hash function is computed here.
///
/// # Examples
/// ```
/// use datastore_blocks::Policy;
///
/// let policy = Policy::new().hashes([0x12]).max_block_len(256 << 10);
/// # let _ = policy;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    hashes: BTreeSet<u64>,
    min_digest_len: usize,
    max_identity_len: usize,
    max_block_len: usize,
}

impl Policy {
    /// The shortest digest that is taken, in bytes, if nothing else is said: boxo's `verifcid` takes
    /// none that is shorter.
    pub const MIN_DIGEST_LEN: usize = 20;

    /// The most data of an identity CID that is taken, in bytes, if nothing else is said, and the most that is
    /// understood: as in boxo's `verifcid`. A [`Cid`] holds [`MAX_DIGEST_LEN`](crate::MAX_DIGEST_LEN) of them; what is
    /// longer can come in a CAR file.
    pub const MAX_IDENTITY_LEN: usize = 128;

    /// The largest block that is taken, in bytes, if nothing else is said: bitswap carries 2 MiB.
    pub const MAX_BLOCK_LEN: usize = 2 << 20;

    /// Every hash function that can be computed here and is not known to be broken, SHA-1 for git among
    /// them; digests of [`MIN_DIGEST_LEN`](Self::MIN_DIGEST_LEN) bytes at least, cut ones included;
    /// blocks of [`MAX_BLOCK_LEN`](Self::MAX_BLOCK_LEN) bytes at most.
    pub fn new() -> Self {
        let usable = |code: &u64| hashes::usual_len(*code) >= Some(Self::MIN_DIGEST_LEN);
        Self {
            hashes: hashes::functions().filter(usable).collect(),
            min_digest_len: Self::MIN_DIGEST_LEN,
            max_identity_len: Self::MAX_IDENTITY_LEN,
            max_block_len: Self::MAX_BLOCK_LEN,
        }
    }

    /// Takes these hash functions alone, by their codes in the multicodec table. The identity is always
    /// taken: see [`max_identity_len`](Self::max_identity_len).
    #[must_use]
    pub fn hashes(mut self, codes: impl IntoIterator<Item = u64>) -> Self {
        self.hashes = codes.into_iter().collect();
        self
    }

    /// Takes digests of `bytes` at least.
    #[must_use]
    pub fn min_digest_len(mut self, bytes: usize) -> Self {
        self.min_digest_len = bytes;
        self
    }

    /// Takes identity CIDs with `bytes` of data at most; more than
    /// [`MAX_IDENTITY_LEN`](Self::MAX_IDENTITY_LEN) cannot be.
    #[must_use]
    pub fn max_identity_len(mut self, bytes: usize) -> Self {
        self.max_identity_len = bytes;
        self
    }

    /// Takes blocks of `bytes` at most.
    #[must_use]
    pub fn max_block_len(mut self, bytes: usize) -> Self {
        self.max_block_len = bytes;
        self
    }

    /// The largest block that is taken, in bytes.
    pub fn largest_block(&self) -> usize {
        self.max_block_len
    }

    /// Refuses a CID, or a block of `len` bytes under it, that is not taken.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`], with what is taken; as [`check_cid`].
    pub fn check(&self, cid: &Cid, len: usize) -> Result<()> {
        check_cid(cid)?;
        let (code, digest_len) = (cid.hash().code(), usize::from(cid.hash().size()));
        if code == IDENTITY {
            return self.check_identity(cid, digest_len);
        }
        if !self.hashes.contains(&code) {
            return Err(refused(format!("{cid}: the hash function {code:#x} is not taken")));
        }
        if digest_len < self.min_digest_len {
            let least = self.min_digest_len;
            return Err(refused(format!(
                "{cid}: the digest has {digest_len} bytes, fewer than {least}"
            )));
        }
        if len > self.max_block_len {
            let most = self.max_block_len;
            return Err(refused(format!("{cid}: the block has {len} bytes, more than {most}")));
        }
        Ok(())
    }

    /// Refuses a block that is not taken, or whose data has another digest.
    pub(crate) fn admit(&self, block: &Block) -> Result<()> {
        self.check(block.cid(), block.data().len())?;
        block.verify()
    }

    /// As [`admit`](Self::admit), of one that no [`Cid`] has room for.
    pub(crate) fn admit_identity(&self, found: &CarIdentity) -> Result<()> {
        self.check_identity(&found.cid, usize::from(found.cid.hash().size()))?;
        found.verify()
    }

    fn check_identity(&self, cid: &impl Display, len: usize) -> Result<()> {
        if len > self.max_identity_len {
            let most = self.max_identity_len;
            return Err(refused(format!(
                "{cid}: the identity CID holds {len} bytes, more than {most}"
            )));
        }
        Ok(())
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
}
