//! URLs of servers.

use datastore::{Error, ErrorKind, Result};

/// How the servers of Amazon are called, whichever of their names a URL has.
pub(super) const AMAZON: &str = "amazonaws.com";

/// Refuses what is not `http://HOST` or `https://HOST`, a port and a path included; `what` is where it
/// stands. It is not repeated: it may hold a secret.
pub(super) fn check(what: &str, text: &str) -> Result<()> {
    let refused = |why: &str| {
        let message = format!("{what} {why}: write `https://HOST` or `http://HOST:PORT`");
        Err(Error::new(ErrorKind::InvalidInput, message))
    };
    let Some((_, rest)) = parts(text) else {
        return refused("is not the URL of a server");
    };
    if rest.contains('@') {
        return refused("has a user in it, and credentials do not belong into URLs");
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\');
    if !rest.chars().all(plain) || rest.starts_with(['/', ':']) || rest.is_empty() {
        return refused("is not the URL of a server");
    }
    Ok(())
}

/// With the bucket in front of the host, unless it is there.
pub(super) fn with_host_prefix(text: &str, bucket: &str) -> String {
    match parts(text) {
        Some((scheme, rest)) if !is_below(rest, bucket) => format!("{scheme}://{bucket}.{rest}"),
        _ => text.to_owned(),
    }
}

/// One text for one server, however it is written, with the bucket in front of the host or without.
pub(super) fn canonical(text: &str, bucket: &str) -> String {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let Some((scheme, rest)) = parts(&text) else { return text };
    let rest =
        if is_below(rest, bucket) { rest.get(bucket.len() + 1..).unwrap_or(rest) } else { rest };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let port = if scheme == "http" { ":80" } else { ":443" };
    let host = host.strip_suffix(port).unwrap_or(host);
    if host.split(':').next().is_some_and(|name| name.ends_with(".amazonaws.com")) {
        return AMAZON.to_owned();
    }
    format!("{scheme}://{host}{path}")
}

/// `http` or `https`, and what follows its slashes.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https").then_some((scheme, rest))
}

fn is_below(rest: &str, bucket: &str) -> bool {
    rest.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.'))
}
