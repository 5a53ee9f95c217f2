//! The requests that came by.

use hyper::{HeaderMap, Method, Request, StatusCode};
use parking_lot::Mutex;

use super::matcher::parameters;

/// A request that the proxy saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The path as it was on the wire, with the bucket.
    pub path: String,
    /// The query as it was on the wire.
    pub query: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// Whether the server was asked.
    pub forwarded: bool,
    /// What the client was told; `None` where the connection ended instead, or nothing was said yet.
    pub status: Option<StatusCode>,
}

impl Seen {
    /// Whether the query has this parameter.
    pub fn has_parameter(&self, name: &str) -> bool {
        parameters(self.query.as_deref()).any(|other| other == name)
    }

    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The requests since the log was cleared, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// How many were cleared away.
    cleared: usize,
    seen: Vec<Seen>,
}

impl Log {
    /// Notes a request, and returns the number to change the note by.
    pub(super) fn note<B>(&self, request: &Request<B>) -> usize {
        let mut entries = self.0.lock();
        entries.seen.push(Seen {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: request.headers().clone(),
            forwarded: false,
            status: None,
        });
        entries.cleared + entries.seen.len() - 1
    }

    /// Changes a note, if it was not cleared away.
    pub(super) fn amend(&self, number: usize, change: impl FnOnce(&mut Seen)) {
        let mut entries = self.0.lock();
        let place = number.checked_sub(entries.cleared);
        if let Some(seen) = place.and_then(|place| entries.seen.get_mut(place)) {
            change(seen);
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.0.lock().seen.clone()
    }

    pub(super) fn clear(&self) {
        let mut entries = self.0.lock();
        entries.cleared += entries.seen.len();
        entries.seen.clear();
    }
}
