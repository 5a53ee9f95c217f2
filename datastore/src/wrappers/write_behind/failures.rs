//! How a failed flush is told to those who waited for it.

use std::sync::Arc;

use crate::{Error, ErrorKind, Outcome};

/// To whoever asked for everything to be written.
pub(super) fn of_flush(error: &Arc<Error>) -> Error {
    of_all(error, "pending writes could not be written; they are kept")
}

/// To whoever closes.
pub(super) fn of_close(error: &Arc<Error>) -> Error {
    of_all(error, "not everything could be written and synced before closing")
}

fn of_all(error: &Arc<Error>, message: &str) -> Error {
    let told = match error.partial() {
        Some(partial) => Error::partial_commit(partial.clone()),
        None => Error::new(error.kind(), message),
    };
    let told = told.with_outcome(Outcome::Unknown).with_source(Arc::clone(error));
    match error.key() {
        Some(key) => told.with_key(key.clone()),
        None => told,
    }
}

/// To a synced commit that was part of it: it is pending, and will be tried again.
pub(super) fn of_synced(error: &Arc<Error>) -> Error {
    let message = "the commit is pending and could not be made durable; it will be tried again";
    Error::new(kind(error), message).with_outcome(Outcome::Unknown).with_source(Arc::clone(error))
}

/// To a commit before which it had to be written.
pub(super) fn refused_for_flush(error: &Arc<Error>) -> Error {
    let message = "what is pending could not be written before this commit";
    Error::new(kind(error), message)
        .with_outcome(Outcome::NotApplied)
        .with_source(Arc::clone(error))
}

/// To a commit that waited too long for room.
pub(super) fn no_room(error: Option<Arc<Error>>) -> Error {
    let told = Error::new(ErrorKind::Unavailable, "there was no room for the commit in time")
        .with_outcome(Outcome::NotApplied);
    match error {
        Some(error) => told.with_source(error),
        None => told,
    }
}

/// What was wrong with other writes is not what is wrong with this one.
fn kind(error: &Error) -> ErrorKind {
    match error.kind() {
        kind @ (ErrorKind::Closed
        | ErrorKind::PermissionDenied
        | ErrorKind::Corrupt
        | ErrorKind::Incompatible
        | ErrorKind::Internal) => kind,
        _ => ErrorKind::Unavailable,
    }
}
