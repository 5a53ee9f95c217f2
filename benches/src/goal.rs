use std::fmt;

/// What a ratio is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// A cost: this or less.
    AtMost(f64),
    /// A gain: this or more.
    AtLeast(f64),
}

impl Goal {
    /// Whether the ratio reaches it.
    pub fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }

    /// The number.
    pub fn limit(self) -> f64 {
        match self {
            Self::AtMost(limit) | Self::AtLeast(limit) => limit,
        }
    }

    /// The direction, as it is written in JSON.
    pub fn direction(self) -> &'static str {
        match self {
            Self::AtMost(_) => "at_most",
            Self::AtLeast(_) => "at_least",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}
