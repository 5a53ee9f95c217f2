use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use datastore::Error;

/// How a case ends.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a case failed, and where in the suite that was seen.
pub(crate) struct Failure(String);

impl Failure {
    #[track_caller]
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        let location = Location::caller();
        Self(format!("{why} ({}:{})", location.file(), location.line()))
    }

    /// Puts before the reason what was under way.
    pub(crate) fn during(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format!("an operation failed: {}", describe(&error)))
    }
}

impl From<tokio::task::JoinError> for Failure {
    #[track_caller]
    fn from(error: tokio::task::JoinError) -> Self {
        Self::new(format!("a task of the case ended badly: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the suite could not start a runtime or a thread: {error}"))
    }
}

/// An error with its kind, outcome and causes.
pub(crate) fn describe(error: &Error) -> String {
    let mut text = format!("{}: {error}", error.kind());
    if let Some(outcome) = error.outcome() {
        text.push_str(&format!(" [{outcome:?}]"));
    }
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}

/// The debug form of a value, cut to a length that a report can hold.
pub(crate) fn shown(value: &impl fmt::Debug) -> String {
    const MOST: usize = 600;
    let text = format!("{value:?}");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => {
            format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len())
        }
        None => text,
    }
}

/// Fails the case unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($why)+)));
        }
    };
}

/// Fails the case unless what was found is what was expected.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr, $($what:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => {
                if *found != *expected {
                    return Err($crate::failure::Failure::new(format!(
                        "{}: found {}, expected {}",
                        format!($($what)+),
                        $crate::failure::shown(found),
                        $crate::failure::shown(expected),
                    )));
                }
            }
        }
    };
}

/// Fails the case unless the call failed with an error of this kind.
macro_rules! ensure_kind {
    ($result:expr, $kind:expr, $($what:tt)+) => {
        match &$result {
            Ok(answer) => {
                return Err($crate::failure::Failure::new(format!(
                    "{}: answered {}, expected {}",
                    format!($($what)+),
                    $crate::failure::shown(answer),
                    $kind,
                )));
            }
            Err(error) if error.kind() != $kind => {
                return Err($crate::failure::Failure::new(format!(
                    "{}: failed with {}, expected {}",
                    format!($($what)+),
                    $crate::failure::describe(error),
                    $kind,
                )));
            }
            Err(_) => {}
        }
    };
}

pub(crate) use {ensure, ensure_eq, ensure_kind};
