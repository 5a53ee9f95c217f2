//! Names of metadata as segments of keys. Any string is a name, and each has one segment:
//!
//! | name | segment |
//! |---|---|
//! | the empty one | `%` |
//! | `.` and `..` | `%2E` and `%2E%2E` |
//! | any other | itself, with `%`, `/` and control characters percent-escaped |

use datastore::percent;

/// The segment of an empty name, which stands for nothing else: no two hex digits follow.
const EMPTY: &str = "%";

/// The segment of a key that stands for a name.
pub(crate) fn escape(name: &str) -> String {
    let dots = matches!(name, "." | "..");
    let mut segment = String::with_capacity(name.len());
    // A string takes all that is written to it.
    let _ = percent::write(&mut segment, name.as_bytes(), |c| c == '/' || dots);
    if segment.is_empty() { EMPTY.to_owned() } else { segment }
}

/// The name that a segment stands for; `None` if it is not one that [`escape`] makes.
pub(crate) fn unescape(segment: &[u8]) -> Option<String> {
    let segment = str::from_utf8(segment).ok()?;
    let bytes = if segment == EMPTY { Vec::new() } else { percent::decode(segment)? };
    let name = String::from_utf8(bytes).ok()?;
    // Another segment for the same name would be a second row of it.
    (escape(&name) == segment).then_some(name)
}

#[cfg(test)]
mod tests {
    use datastore::key;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_these_segments() {
        for (name, segment) in [
            ("location", "location"),
            ("Agent Version", "Agent Version"),
            ("größe", "größe"),
            ("...", "..."),
            ("a:b", "a:b"),
            ("", "%"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("a/b", "a%2Fb"),
            ("../../x", "..%2F..%2Fx"),
            ("/", "%2F"),
            ("%", "%25"),
            ("%2F", "%252F"),
            ("a\0\n", "a%00%0A"),
            ("\u{85}", "%C2%85"),
        ] {
            assert_eq!(escape(name), segment);
            assert_eq!(unescape(segment.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn other_segments_stand_for_no_name() {
        for segment in
            ["", ".", "..", "a%2fb", "%61", "a/b", "%2", "%%", "a%", "%FF", "a\n", "%2E."]
        {
            assert_eq!(unescape(segment.as_bytes()), None, "{segment:?}");
        }
        assert_eq!(unescape(b"a\xff"), None);
    }

    fn names() -> impl Strategy<Value = String> {
        let nasty = prop::collection::vec(prop::sample::select(b"./%25EF\0a".as_slice()), 0..7);
        let nasty = nasty.prop_map(|bytes| String::from_utf8(bytes).unwrap());
        prop_oneof![nasty, any::<String>()]
    }

    proptest! {
        #[test]
        fn any_name_comes_back_from_one_valid_segment(name in names()) {
            let segment = escape(&name);
            let key = key!("/peers/metadata").child(&segment).unwrap();
            prop_assert_eq!(key.segments().count(), 3);
            prop_assert_eq!(unescape(key.last_segment()), Some(name));
        }

        #[test]
        fn no_two_segments_stand_for_one_name(segment in names()) {
            if let Some(name) = unescape(segment.as_bytes()) {
                prop_assert_eq!(escape(&name), segment);
            }
        }
    }
}
