//! Where things lie in the datastore.

use bytes::Bytes;
use cid::Cid;
use data_encoding::BASE32_NOPAD;
use datastore::{Error, ErrorKind, Key, Query, Result, key, percent};
use multihash::Multihash;

use crate::hashes::MAX_DIGEST_LEN;

/// Keys of blocks: `/blocks/<B32 multihash>`, RFC 4648 base32, upper case, unpadded, as boxo's
/// `dshelp.MultihashToDsKey` writes them; and of the codecs that they were put under:
/// `/block-codecs/<B32 multihash>/<codec, hex>`, empty values.
///
/// Below another prefix a block is another, and so are its codecs:
/// `/block-codecs-below/<prefix, escaped>/<B32 multihash>/<codec, hex>`.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// `None` for boxo's `NoPrefix`.
    pub(crate) blocks: Option<Key>,
    /// What the codecs lie below.
    pub(crate) codecs: Key,
}

/// What blocks lie below, if nothing else is said.
pub(crate) const BLOCKS: Key = key!("/blocks");

const CODECS: Key = key!("/block-codecs");

const CODECS_BELOW: Key = key!("/block-codecs-below");

const QUARANTINE: Key = key!("/block-quarantine");

impl Layout {
    /// That of blocks below a prefix.
    pub(crate) fn below(prefix: Option<Key>) -> Result<Self> {
        let codecs = match &prefix {
            Some(prefix) if *prefix == BLOCKS => CODECS,
            other => CODECS_BELOW.child(escaped(other.as_ref()))?,
        };
        Ok(Self { blocks: prefix, codecs })
    }

    /// The key of a block.
    pub(crate) fn block(&self, hash: &Multihash<MAX_DIGEST_LEN>) -> Result<Key> {
        let prefix = self.blocks.as_ref().map_or(&b""[..], Key::as_bytes);
        key_of(prefix, hash)
    }

    /// Every block, and what else is among them.
    pub(crate) fn all(&self) -> Query {
        self.blocks.clone().map_or_else(Query::all, Query::descendants)
    }

    /// The multihash that a key names; `None` for one that is not a block's.
    pub(crate) fn multihash(&self, key: &Key) -> Option<Multihash<MAX_DIGEST_LEN>> {
        let own = match &self.blocks {
            Some(prefix) => prefix.strip_from(key)?,
            None => key.clone(),
        };
        if !own.is_top_level() {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(own.last_segment()).ok()?;
        Multihash::from_bytes(&bytes).ok()
    }

    /// Where the codecs of a block are.
    pub(crate) fn codecs_of(&self, hash: &Multihash<MAX_DIGEST_LEN>) -> Result<Key> {
        key_of(self.codecs.as_bytes(), hash)
    }

    /// The key that keeps the codec of a CID.
    pub(crate) fn codec(&self, cid: &Cid) -> Result<Key> {
        self.codecs_of(cid.hash())?.child(format!("{:x}", cid.codec()))
    }

    /// The codec that a key keeps, if it is one of this block.
    pub(crate) fn kept_codec(&self, key: &Key, hash: &Multihash<MAX_DIGEST_LEN>) -> Option<u64> {
        (key.parent()? == self.codecs_of(hash).ok()?).then_some(())?;
        u64::from_str_radix(std::str::from_utf8(key.last_segment()).ok()?, 16).ok()
    }
}

/// Where a block is whose data has not its digest: `/block-quarantine/<B32 multihash>`, whichever prefix it was below.
pub(crate) fn quarantine(hash: &Multihash<MAX_DIGEST_LEN>) -> Result<Key> {
    key_of(QUARANTINE.as_bytes(), hash)
}

/// A prefix as one segment, another for each, `%2F` for none.
fn escaped(prefix: Option<&Key>) -> String {
    let mut segment = String::new();
    let prefix = prefix.map_or(&b"/"[..], Key::as_bytes);
    // A string takes all that is written to it.
    let _ = percent::write(&mut segment, prefix, |c| c == '/');
    segment
}

/// `prefix/<B32 multihash>`, in one allocation: it is made for every read.
fn key_of(prefix: &[u8], hash: &Multihash<MAX_DIGEST_LEN>) -> Result<Key> {
    let mut bytes = [0; MAX_DIGEST_LEN + VARINTS];
    let len = hash.write(bytes.as_mut_slice()).unwrap_or_default();
    let bytes = bytes.get(..len).unwrap_or_default();
    let mut encoded = vec![b'/'; prefix.len() + 1 + BASE32_NOPAD.encode_len(len)];
    let Some((head, tail)) = encoded.split_at_mut_checked(prefix.len()) else {
        return Err(Error::new(ErrorKind::Internal, "a key shorter than its prefix"));
    };
    head.copy_from_slice(prefix);
    if let Some(tail) = tail.get_mut(1..) {
        BASE32_NOPAD.encode_mut(bytes, tail);
    }
    Key::from_bytes(Bytes::from(encoded))
}

/// Most bytes of what stands before a digest: its function and its length.
const VARINTS: usize = 20;
