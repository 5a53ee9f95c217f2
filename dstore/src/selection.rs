use std::ops::Bound;
use std::str::FromStr;

use bytes::Bytes;
use clap::Args;
use datastore::{Error, Key, Query, Scope};

/// Which keys a command is about; all, if nothing is said.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which keys")]
pub(crate) struct Selection {
    /// Those whose text begins with this: `/a` has `/a`, `/a/b` and `/ab`
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["below", "from", "to"])]
    prefix: Option<Prefix>,

    /// Those strictly below this key: `/a` has `/a/b` and `/a/b/c`, neither `/a` nor `/ab`
    #[arg(long, value_name = "KEY", conflicts_with_all = ["from", "to"])]
    below: Option<Key>,

    /// From this key on, it included
    #[arg(long, value_name = "KEY")]
    from: Option<Key>,

    /// Up to this key, it excluded
    #[arg(long, value_name = "KEY")]
    to: Option<Key>,
}

impl Selection {
    /// Whether it says anything.
    pub(crate) fn is_given(&self) -> bool {
        let Self { prefix, below, from, to } = self;
        prefix.is_some() || below.is_some() || from.is_some() || to.is_some()
    }

    pub(crate) fn query(self) -> Query {
        let scope = match self {
            Self { prefix: Some(Prefix(prefix)), .. } => Scope::StartsWith(prefix),
            Self { below: Some(key), .. } => Scope::Descendants(key),
            Self { from: None, to: None, .. } => Scope::All,
            Self { from, to, .. } => Scope::Range(
                from.map_or(Bound::Unbounded, |key| Bound::Included(key.to_bytes())),
                to.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_bytes())),
            ),
        };
        Query { scope, ..Query::all() }
    }
}

/// What a key can begin with, in the text form of keys.
#[derive(Clone, Debug)]
struct Prefix(Bytes);

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // Something is a prefix if a key comes of it by adding to it.
        let longer: Key = format!("{text}x").parse().map_err(|error| {
            // What is wrong is told of what was typed, without the addition.
            text.parse::<Key>().err().unwrap_or(error)
        })?;
        let mut bytes = longer.to_bytes();
        bytes.truncate(bytes.len().saturating_sub(1));
        Ok(Self(bytes))
    }
}
