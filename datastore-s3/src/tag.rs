use bytes::Bytes;
use datastore::Version;

/// How a server wants the tag of an object in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagForm {
    /// As it gave it, in quotes (RFC 9110, section 8.8.3).
    AsGiven,
    /// Without the quotes: Ceph's gateway compares the bare text.
    Unquoted,
}

impl TagForm {
    pub(crate) fn apply(self, tag: &str) -> String {
        match self {
            Self::AsGiven => tag.to_owned(),
            Self::Unquoted => tag.trim_matches('"').to_owned(),
        }
    }
}

/// The version of an object with this tag.
pub(crate) fn version(tag: String) -> Version {
    Version::of_tag(Bytes::from(tag))
}

/// The tag of a version; `None` if it is of another kind of store, and so of no object: servers
/// refuse what is not a tag at all.
pub(crate) fn of_version(version: &Version) -> Option<&str> {
    let tag = std::str::from_utf8(version.as_tag()?).ok()?;
    let graphic = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic());
    graphic.then_some(tag)
}
