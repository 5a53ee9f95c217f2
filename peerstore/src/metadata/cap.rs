use datastore::{Error, ErrorKind, Outcome, Result};

use crate::limits::Limits;
use crate::metadata::MetadataValue;

/// How much of [`Limits::metadata_bytes`] an entry takes.
pub(crate) fn size(name: &str, value: &MetadataValue) -> usize {
    name.len().saturating_add(value.as_bytes().len())
}

/// Whether an entry fits beside the `others` of its peer, which take so many bytes; the entry that it
/// replaces is none of them.
pub(crate) fn check_fits(
    limits: &Limits,
    others: usize,
    name: &str,
    value: &MetadataValue,
) -> Result<()> {
    let most = limits.metadata_bytes;
    let total = others.saturating_add(size(name, value));
    if most == 0 || total <= most {
        return Ok(());
    }
    let message = format!("{total} bytes of metadata for one peer, which has at most {most}");
    Err(Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn names_and_values_count() {
        let value = MetadataValue::Bytes(Bytes::from_static(b"12345"));
        let limit = |metadata_bytes| Limits { metadata_bytes, ..Limits::default() };
        assert!(check_fits(&limit(18), 10, "abc", &value).is_ok());
        let error = check_fits(&limit(17), 10, "abc", &value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "18 bytes of metadata for one peer, which has at most 17");
        assert!(check_fits(&limit(0), usize::MAX, "abc", &value).is_ok());
        assert!(check_fits(&limit(usize::MAX - 1), usize::MAX, "abc", &value).is_err());
    }
}
