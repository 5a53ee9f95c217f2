use datastore::{Error, ErrorKind, Outcome, Result};
use serde::{Deserialize, Serialize};

/// How much is kept, at most. Zero is no limit.
///
/// Addresses of connected peers are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Peers in any one book: addresses, protocols, keys, tags, reputation, metadata. 1,000,000.
    ///
    /// Who adds a peer to a book that is full first takes others away, from all books, as
    /// [`Peerstore::remove`](crate::Peerstore::remove) does: enough for 1 % of it to be free. Those go that are of
    /// least value. The more valuable of two is, each deciding where those before it do not, the one that
    ///
    /// 1. has answered a request: such a peer goes only where there is no other left;
    /// 2. has a tag, or an address that was added for good;
    /// 3. has a signed record;
    /// 4. answered later, or was dialed later with success;
    /// 5. has an address that expires later.
    ///
    /// A book of up to 1,024 peers is looked at as a whole. Of a larger one, a hand that goes round looks at 256
    /// peers at a time, and takes no more than a quarter of them while there are others to look at.
    ///
    /// A peer that is connected is never taken away, nor is one whose private key is kept, nor one that is just being
    /// changed: a book of such peers alone grows past its limit.
    pub peers: usize,
    /// Peers of which nothing is left but the number below which their signed records are too old; 1,000,000. The one
    /// that would end next goes first, of those that are looked at, as above; an old record of its peer is taken
    /// again.
    ///
    /// A collection leaves more behind while it runs, a [page](crate::GcOptions::page) of them at most, and so does
    /// the removal of peers for which there is no room.
    pub watermarks: usize,
    /// Addresses of one peer that are not connected; the one that expires next goes first. 64, as go-libp2p.
    pub addresses: usize,
    /// Protocols of one peer; 1,024, as go-libp2p.
    pub protocols: usize,
    /// Entries of one peer's metadata.
    pub metadata_entries: usize,
    /// Bytes of one peer's metadata, names and values.
    pub metadata_bytes: usize,
    /// Bytes of one signed envelope.
    pub envelope_bytes: usize,
    /// Tags of one peer.
    pub tags: usize,
}

impl Limits {
    /// Whether it is of any use to know how many peers there are.
    pub(crate) fn count_peers(&self) -> bool {
        self.peers > 0 || self.watermarks > 0
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: 1_000_000,
            watermarks: 1_000_000,
            addresses: 64,
            protocols: 1_024,
            metadata_entries: 256,
            metadata_bytes: 64 << 10,
            envelope_bytes: 64 << 10,
            tags: 64,
        }
    }
}

/// Whether so much of one thing is not more than one peer may have.
pub(crate) fn check_count(count: usize, most: usize, of: &str) -> Result<()> {
    if most == 0 || count <= most {
        return Ok(());
    }
    Err(refused(format!("{count} {of} for one peer, which has at most {most}")))
}

/// Whether the name of a thing has at most so many bytes.
pub(crate) fn check_name(name: &str, most: usize, of: &str) -> Result<()> {
    let len = name.len();
    if len <= most {
        return Ok(());
    }
    Err(refused(format!("the name of a {of} has at most {most} bytes, not {len}")))
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_fit_and_one_more_does_not() {
        assert!(check_count(17, 17, "tags").is_ok());
        let error = check_count(18, 17, "tags").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.outcome(), Some(Outcome::NotApplied));
        assert_eq!(error.to_string(), "18 tags for one peer, which has at most 17");
        assert!(check_count(usize::MAX, 0, "tags").is_ok());
    }

    #[test]
    fn the_bytes_of_a_name_count() {
        assert!(check_name("äö", 4, "tag").is_ok());
        let error = check_name("äöx", 4, "tag").unwrap_err();
        assert_eq!(error.to_string(), "the name of a tag has at most 4 bytes, not 5");
    }
}
