use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use datastore_open::{StoreUrl, redacted};

use crate::failure::{Failure, Result};

/// The URL of a store as it was typed. Not parsed by the parser of arguments, which would print it,
/// secrets and all, where it is refused.
#[derive(Clone)]
pub(crate) struct StoreArg(String);

impl StoreArg {
    /// Whether this was typed.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0 == text
    }

    pub(crate) fn url(&self) -> Result<StoreUrl> {
        self.0.parse().map_err(|error| {
            Failure::from(error).during(format!("cannot open {:?}", redacted(&self.0)))
        })
    }
}

impl FromStr for StoreArg {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for StoreArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(&self.0).fmt(f)
    }
}
