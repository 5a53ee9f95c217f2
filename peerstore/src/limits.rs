use datastore::{Error, ErrorKind, Outcome, Result};
use serde::{Deserialize, Serialize};

/// How much is kept, at most. Zero is no limit.
///
/// Addresses of connected peers are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Addresses of one peer that are not connected; the one that expires next goes first. 64, as go-libp2p.
    pub addresses: usize,
    /// Protocols of one peer; 1,024, as go-libp2p.
    pub protocols: usize,
    /// Bytes of one peer's metadata, names and values.
    pub metadata_bytes: usize,
    /// Bytes of one signed envelope.
    pub envelope_bytes: usize,
    /// Tags of one peer.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            addresses: 64,
            protocols: 1_024,
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
