use std::fmt;

use datastore::Key;

/// The rows of one peer, in the form of another implementation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Keys and values, to be put into the other's datastore.
    pub rows: Vec<(Key, Vec<u8>)>,
    /// What it has no place for.
    pub left_out: Vec<LeftOut>,
}

/// What is known of a peer and cannot be told to the other implementation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOut {
    /// Metadata of this name: of a type that the other does not have, or under a name that cannot be
    /// a key there.
    Metadata(String),
    /// Tags.
    Tags,
    /// The private key.
    PrivateKey,
    /// How long the peer takes to answer.
    Latency,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata(name) => write!(f, "metadata {name:?}"),
            Self::Tags => f.write_str("tags"),
            Self::PrivateKey => f.write_str("the private key"),
            Self::Latency => f.write_str("the latency"),
        }
    }
}
