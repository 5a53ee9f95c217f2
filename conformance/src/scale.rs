use serde::Serialize;

/// How many entries, rounds and bytes the cases use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// For stores where an operation takes milliseconds, and for quick runs: no case is left out but
    /// those of very large values.
    Small,
    /// For embedded stores.
    #[default]
    Full,
}

impl Scale {
    /// One of two sizes.
    pub(crate) fn pick<T>(self, small: T, full: T) -> T {
        match self {
            Self::Small => small,
            Self::Full => full,
        }
    }
}
