use std::error::Error as StdError;
use std::fmt;

use crate::Key;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every operation: what kind it is, what happened, and what caused it.
///
/// One pointer wide. [`Display`](fmt::Display) prints the key that it is about, if there is one, and the
/// message; walk [`source`](StdError::source) for the cause.
///
/// # Examples
/// ```
/// use datastore::{Error, ErrorKind, Outcome};
///
/// let error = Error::new(ErrorKind::Unavailable, "the server did not answer in 30 s")
///     .with_outcome(Outcome::Unknown);
/// assert_eq!(error.kind(), ErrorKind::Unavailable);
/// assert_eq!(error.outcome(), Some(Outcome::Unknown));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    key: Option<Key>,
    outcome: Option<Outcome>,
    partial: Option<Partial>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key is not one, or this store cannot hold it: choose another.
    InvalidKey,
    /// An argument is outside what the operation takes: mend the call.
    InvalidInput,
    /// This store does not do that, and its [`Capabilities`](crate::Capabilities) say so.
    Unsupported,
    /// A value that the caller requires is not there.
    NotFound,
    /// A condition of the batch does not hold: read again and decide again.
    Conflict,
    /// The store cannot answer now (locked, full, unreachable, overloaded): retry later.
    Unavailable,
    /// These credentials are refused, or may not do this: mend them; retrying does not help.
    PermissionDenied,
    /// A best-effort batch landed in part; [`Error::partial`] says which keys.
    PartialCommit,
    /// Stored bytes are damaged: retrying does not help.
    Corrupt,
    /// The store was written with another layout, or with a layer that is missing now.
    Incompatible,
    /// The store is closed, or shut itself down after a failure that is the source.
    Closed,
    /// A defect of the store, or a failure that it cannot name.
    Internal,
}

/// Whether a failed write happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The write did not happen and never will: it is safe to issue it again.
    NotApplied,
    /// The write may have happened, or may still (a lost reply, a failed fsync).
    Unknown,
}

/// Which keys of a best-effort batch landed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Keys whose operation was applied.
    pub landed: Vec<Key>,
    /// Keys whose operation was not applied, or of which that is not known.
    pub failed: Vec<Key>,
}

impl Error {
    /// Makes an error of this kind; the message says what failed and, where it can, what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            key: None,
            outcome: None,
            partial: None,
            source: None,
        }))
    }

    /// The error of a call on a store that was closed; nothing was applied.
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the store is closed").with_outcome(Outcome::NotApplied)
    }

    /// The error of a call that this store does not support; nothing was applied.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, what).with_outcome(Outcome::NotApplied)
    }

    /// The error of a failed condition on `key`; nothing was applied.
    pub fn conflict(key: &Key) -> Self {
        Self::new(ErrorKind::Conflict, "the condition on the key does not hold")
            .with_key(key.clone())
            .with_outcome(Outcome::NotApplied)
    }

    /// The error of a best-effort batch that landed in part.
    pub fn partial_commit(partial: Partial) -> Self {
        let (landed, failed) = (partial.landed.len(), partial.failed.len());
        let message =
            format!("{landed} keys of the batch landed, {failed} did not or may not have");
        let mut error = Self::new(ErrorKind::PartialCommit, message).with_outcome(Outcome::Unknown);
        error.0.partial = Some(partial);
        error
    }

    /// Adds the key that the error is about, which the message then leaves out: as data, wrappers that
    /// rename keys can rename it.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.0.key = Some(key);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds whether the failed write happened.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = Some(outcome);
        self
    }

    /// The same error in the names of another layer: wrappers that rename keys rename these.
    #[must_use]
    pub fn map_keys(mut self, rename: impl Fn(Key) -> Key) -> Self {
        let Inner { key, partial, .. } = &mut *self.0;
        let of_batch = partial
            .iter_mut()
            .flat_map(|Partial { landed, failed }| landed.iter_mut().chain(failed));
        for key in of_batch.chain(key) {
            *key = rename(key.clone());
        }
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The key that the error is about, in the names of the store that was called.
    pub fn key(&self) -> Option<&Key> {
        self.0.key.as_ref()
    }

    /// Whether a failed write happened; `None` where nothing was to be written.
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome
    }

    /// Which keys landed, where the kind is [`ErrorKind::PartialCommit`].
    pub fn partial(&self) -> Option<&Partial> {
        self.0.partial.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.0.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, key, outcome, partial, source } = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", kind).field("message", message);
        if let Some(key) = key {
            out.field("key", key);
        }
        if let Some(outcome) = outcome {
            out.field("outcome", outcome);
        }
        if let Some(partial) = partial {
            out.field("partial", partial);
        }
        if let Some(source) = source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
