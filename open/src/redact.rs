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
    let mut text = without_user(head, backend);
    let mut separator = '?';
    for option in options.into_iter().flat_map(|options| options.split('&')) {
        text.push(separator);
        separator = '&';
        match option.split_once('=') {
            Some((name, value)) if !is_public(backend, name, value) => {
                text.push_str(name);
                text.push_str("=***");
            }
            Some(_) => text.push_str(option),
            None => text.push_str("***"),
        }
    }
    text
}

fn is_public(backend: Option<&Backend>, name: &str, value: &str) -> bool {
    let own = backend.into_iter().flat_map(Backend::options);
    let spec = own.chain(COMMON).find(|spec| spec.name == name);
    spec.is_some_and(|spec| !spec.is_url || at(value).is_none())
}

fn without_user(head: &str, backend: Option<&Backend>) -> String {
    if let Some((scheme, rest)) = head.split_once("//") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if let Some((_, host)) = at(authority) {
            return format!("{scheme}//***@{host}{path}");
        }
        // A secret with a `/` in it, as they are copied and pasted, looks like a host and a path.
        match at(rest) {
            Some((user, host)) if user.contains(':') => return format!("{scheme}//***@{host}"),
            _ => {}
        }
    } else if let Some((scheme, rest)) = head.split_once(':')
        && backend.is_some_and(Backend::has_authority)
        && let Some((_, host)) = at(rest)
    {
        return format!("{scheme}:***@{host}");
    }
    head.to_owned()
}

/// What stands before and behind the last `@`, or the escape of one.
fn at(text: &str) -> Option<(&str, &str)> {
    let place = text.rfind('@').max(text.rfind("%40"))?;
    let (before, sign) = text.split_at(place);
    Some((before, sign.strip_prefix("%40").or_else(|| sign.strip_prefix('@'))?))
}
