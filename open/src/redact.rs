use crate::backends::{self, Backend};
use crate::options::COMMON;

/// `url` without what may be secret, for logs and messages: user and password, and the values of
/// options that are secret or not known. Takes any text, also what does not parse.
///
/// # Examples
/// ```
/// use datastore_open::redacted;
///
/// assert_eq!(redacted("fjall:/data?cache=1MiB&token=abc"), "fjall:/data?cache=1MiB&token=***");
/// assert_eq!(redacted("s3://me:secret@bucket/x"), "s3://***@bucket/x");
/// ```
pub fn redacted(url: &str) -> String {
    let (head, options) = match url.split_once('?') {
        None => (url, None),
        Some((head, options)) => (head, Some(options)),
    };
    let backend = head.split_once(':').and_then(|(scheme, _)| backends::find(scheme));
    let mut text = without_user(head);
    let mut separator = '?';
    for option in options.into_iter().flat_map(|options| options.split('&')) {
        text.push(separator);
        separator = '&';
        match option.split_once('=') {
            Some((name, _)) if !is_public(backend, name) => {
                text.push_str(name);
                text.push_str("=***");
            }
            Some(_) => text.push_str(option),
            None => text.push_str("***"),
        }
    }
    text
}

fn is_public(backend: Option<&Backend>, name: &str) -> bool {
    let own = backend.map(|backend| backend.options).unwrap_or_default();
    own.iter().chain(COMMON).any(|spec| spec.name == name && !spec.secret)
}

fn without_user(head: &str) -> String {
    if let Some((scheme, rest)) = head.split_once("//") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if let Some((_, host)) = authority.rsplit_once('@') {
            return format!("{scheme}//***@{host}{path}");
        }
        // A secret with a `/` in it, as they are copied and pasted, looks like a host and a path.
        match rest.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => return format!("{scheme}//***@{host}"),
            _ => {}
        }
    }
    head.to_owned()
}
