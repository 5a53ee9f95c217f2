//! Which requests a fault is for.

use hyper::{Method, Request};

/// Chooses requests; without any restriction, all of them.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    method: Option<Method>,
    prefix: String,
    suffix: String,
    parameter: Option<String>,
    without_parameter: Option<String>,
    skip: usize,
    take: Option<usize>,
}

impl Matcher {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of this method.
    pub fn method(method: Method) -> Self {
        Self { method: Some(method), ..Self::default() }
    }

    /// Only where the path, as it is on the wire and with the bucket, begins so.
    pub fn path_prefix(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// Only where the path, as it is on the wire, ends so.
    pub fn path_suffix(self, suffix: &str) -> Self {
        Self { suffix: suffix.to_owned(), ..self }
    }

    /// Only where the query has this parameter, such as `list-type`, `uploads`, `uploadId`, `delete`.
    pub fn parameter(self, name: &str) -> Self {
        Self { parameter: Some(name.to_owned()), ..self }
    }

    /// Only where the query does not have this parameter.
    pub fn without_parameter(self, name: &str) -> Self {
        Self { without_parameter: Some(name.to_owned()), ..self }
    }

    /// Only the `n`-th of these requests, from 1.
    pub fn nth(self, n: usize) -> Self {
        Self { skip: n.saturating_sub(1), take: Some(1), ..self }
    }

    /// Only the first so many of these requests.
    pub fn times(self, n: usize) -> Self {
        Self { skip: 0, take: Some(n), ..self }
    }

    /// Whether it chooses such a request, of which `before` came before it.
    pub(super) fn takes(&self, before: usize) -> bool {
        before >= self.skip && self.take.is_none_or(|take| before - self.skip < take)
    }

    /// Whether it is about such a request at all.
    pub(super) fn is_about<B>(&self, request: &Request<B>) -> bool {
        let path = request.uri().path();
        let has = |name: &String| parameters(request.uri().query()).any(|other| other == name);
        self.method.as_ref().is_none_or(|method| method == request.method())
            && path.starts_with(&self.prefix)
            && path.ends_with(&self.suffix)
            && self.parameter.as_ref().is_none_or(has)
            && !self.without_parameter.as_ref().is_some_and(has)
    }
}

/// The names of the parameters of a query.
pub(super) fn parameters(query: Option<&str>) -> impl Iterator<Item = &str> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}
