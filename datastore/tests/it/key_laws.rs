//! What holds of every key.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use bytes::Bytes;
use datastore::{ErrorKind, Key, key};
use proptest::prelude::*;

use crate::model::{any_keys, few_keys};

fn nearly_keys() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"//..a:%\xff".as_slice()), 0..9)
}

/// The definition, without regard for cost.
fn is_key(bytes: &[u8]) -> bool {
    let [b'/', segments @ ..] = bytes else { return false };
    bytes.len() <= Key::MAX_LEN
        && segments.split(|byte| *byte == b'/').all(|s| !matches!(s, b"" | b"." | b".."))
}

proptest! {
    #[test]
    fn constructors_take_exactly_what_is_a_key(bytes in nearly_keys()) {
        let key = Key::new(&bytes);
        prop_assert_eq!(key.is_ok(), is_key(&bytes));
        prop_assert_eq!(Key::from_bytes(Bytes::from(bytes.clone())).is_ok(), key.is_ok());
        match key {
            Ok(key) => prop_assert_eq!(key.as_bytes(), bytes),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidKey),
        }
    }

    #[test]
    fn cleaning_makes_a_key_once_and_for_all(bytes in nearly_keys()) {
        if let Ok(key) = Key::clean(&bytes) {
            prop_assert!(is_key(key.as_bytes()));
            prop_assert_eq!(&Key::clean(key.as_bytes()).unwrap(), &key);
            prop_assert_eq!(&Key::clean([b"/", bytes.as_slice(), b"/./"].concat()).unwrap(), &key);
        }
        if is_key(&bytes) {
            prop_assert_eq!(Key::clean(&bytes).unwrap(), Key::new(&bytes).unwrap());
        }
    }

    #[test]
    fn segments_make_the_key_again(key in any_keys()) {
        prop_assert_eq!(&Key::from_segments(key.segments()).unwrap(), &key);
        prop_assert_eq!(key.segments().next(), Some(key.first_segment()));
        prop_assert_eq!(key.segments().next_back(), Some(key.last_segment()));
        prop_assert_eq!(key.segments().count() == 1, key.is_top_level());
        prop_assert_eq!(&key.reverse().reverse(), &key);
        prop_assert!(key.segments().rev().eq(key.reverse().segments()));
    }

    #[test]
    fn text_and_serialised_forms_come_back_whole(key in any_keys()) {
        let text = key.to_string();
        prop_assert!(!text.contains(char::is_control), "{}", text);
        prop_assert_eq!(&Key::from_str(&text).unwrap(), &key);
        let json = serde_json::to_vec(&key).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Key>(&json).unwrap(), &key);
        let binary = cbor4ii::serde::to_vec(Vec::new(), &key).unwrap();
        prop_assert!(binary.ends_with(key.as_bytes()), "bytes, not text");
        prop_assert_eq!(&cbor4ii::serde::from_slice::<Key>(&binary).unwrap(), &key);
    }

    #[test]
    fn reading_text_or_serialised_bytes_never_panics_nor_makes_what_is_not_a_key(
        text in "[/a.%0fF\u{7f}é]{0,8}",
        bytes in nearly_keys(),
    ) {
        if let Ok(key) = Key::from_str(&text) {
            prop_assert!(is_key(key.as_bytes()));
        }
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<Key>(&json).ok(), Key::from_str(&text).ok());
        // CBOR: byte strings of less than 24 bytes begin with 0x40 and the length.
        let binary = [&[0x40 | bytes.len() as u8], bytes.as_slice()].concat();
        let key = cbor4ii::serde::from_slice::<Key>(&binary).ok();
        prop_assert_eq!(key, Key::new(&bytes).ok());
    }

    #[test]
    fn the_order_is_that_of_the_bytes(a in few_keys(), b in few_keys()) {
        prop_assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
        prop_assert_eq!(a == b, a.as_bytes() == b.as_bytes());
    }

    #[test]
    fn maps_of_keys_answer_bytes(key in any_keys(), other in any_keys()) {
        let hashed = HashMap::from([(key.clone(), 1)]);
        let sorted = BTreeMap::from([(key.clone(), 1)]);
        prop_assert_eq!(hashed.get(key.as_bytes()), Some(&1));
        prop_assert_eq!(sorted.get(key.as_bytes()), Some(&1));
        prop_assert_eq!(hashed.contains_key(other.as_bytes()), key == other);
    }

    #[test]
    fn what_was_joined_can_be_stripped(above in few_keys(), tail in few_keys()) {
        let key = above.join(&tail).unwrap();
        prop_assert_eq!(&above.strip_from(&key), &Some(tail));
        prop_assert!(above.is_ancestor_of(&key) && key.is_descendant_of(&above));
        prop_assert!(!key.is_ancestor_of(&above) && !above.is_descendant_of(&key));
    }

    #[test]
    fn what_can_be_stripped_can_be_joined(above in few_keys(), key in few_keys()) {
        let tail = above.strip_from(&key);
        prop_assert_eq!(tail.is_some(), above.is_ancestor_of(&key));
        let segments = |key: &Key| key.segments().map(<[u8]>::to_vec).collect::<Vec<_>>();
        let is_above = key != above && segments(&key).starts_with(&segments(&above));
        prop_assert_eq!(above.is_ancestor_of(&key), is_above);
        if let Some(tail) = tail {
            prop_assert_eq!(above.join(&tail).unwrap(), key);
        }
    }

    #[test]
    fn a_child_has_its_parent(parent in any_keys(), child in any_keys()) {
        let segment = child.last_segment();
        let key = parent.child(segment).unwrap();
        prop_assert_eq!(key.last_segment(), segment);
        prop_assert_eq!(key.parent(), Some(parent));
    }

    #[test]
    fn an_instance_has_its_kind_its_name_and_its_path(key in any_keys(), name in "[a-c.]{0,4}") {
        let instance = key.instance(&name).unwrap();
        prop_assert_eq!(instance.name(), name.as_bytes());
        prop_assert_eq!(instance.kind(), key.last_segment());
        prop_assert_eq!(instance.path(), Some(key));
    }

    #[test]
    fn encoded_bytes_come_back(parent in any_keys(), bytes in prop::collection::vec(any::<u8>(), 1..80)) {
        let key = parent.child_encoded(&bytes).unwrap();
        prop_assert!(key.last_segment().iter().all(u8::is_ascii_alphanumeric));
        prop_assert_eq!(key.decode_last_segment().unwrap(), bytes);
        prop_assert_eq!(key.parent(), Some(parent));
    }

    #[test]
    fn only_what_encoding_writes_can_be_decoded(segment in "[A-Ca-c2-9=]{1,12}") {
        let key = key!("/a").child(&segment).unwrap();
        match key.decode_last_segment() {
            Ok(bytes) => prop_assert_eq!(key!("/a").child_encoded(bytes).unwrap(), key),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidKey),
        }
    }
}

#[test]
fn a_flaw_is_found_at_any_place_of_a_key_of_any_length() {
    for len in 2..70 {
        let key = [b"/".as_slice(), &vec![b'a'; len - 1]].concat();
        for part in ["/", "//", "/./", "/../", "/.", "/..", "/.a", "/...", "/a", "."] {
            for at in 0..=len.saturating_sub(part.len()) {
                let mut bytes = key.clone();
                bytes.splice(at..(at + part.len()).min(len), part.bytes());
                assert_eq!(Key::new(&bytes).is_ok(), is_key(&bytes), "{}", bytes.escape_ascii());
            }
        }
    }
}

#[test]
fn the_longest_key_is_taken_and_no_longer_one() {
    let longest = Key::new([b"/".as_slice(), &[b'a'; Key::MAX_LEN - 1]].concat()).unwrap();
    let shorter = Key::new([b"/".as_slice(), &[b'a'; Key::MAX_LEN - 3]].concat()).unwrap();
    assert_eq!(longest.as_bytes().len(), Key::MAX_LEN);
    assert_eq!(shorter.child("b").unwrap().as_bytes().len(), Key::MAX_LEN);
    assert_eq!(shorter.join(&key!("/b")).unwrap().as_bytes().len(), Key::MAX_LEN);
    assert_eq!(shorter.instance("b").unwrap().as_bytes().len(), Key::MAX_LEN);
    let too_long = [longest.as_bytes(), b"a"].concat();
    for refused in [
        Key::new(&too_long),
        Key::from_bytes(too_long.clone().into()),
        Key::from_segments([&too_long[1..]]),
        Key::clean(&too_long),
        shorter.child("bc"),
        shorter.join(&key!("/bc")),
        shorter.instance("bc"),
        longest.instance(""),
        shorter.child_encoded("bc"),
        String::from_utf8(too_long.clone()).unwrap().parse(),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidKey);
    }
}

#[test]
fn segments_that_are_none_are_refused() {
    let parent = key!("/a");
    for segment in ["", ".", "..", "b/c", "/b", "b/"] {
        assert_eq!(parent.child(segment).unwrap_err().kind(), ErrorKind::InvalidKey, "{segment}");
        assert_eq!(Key::from_segments([segment]).unwrap_err().kind(), ErrorKind::InvalidKey);
    }
    assert_eq!(Key::from_segments([""; 0]).unwrap_err().kind(), ErrorKind::InvalidKey);
    assert_eq!(parent.instance("b/c").unwrap_err().kind(), ErrorKind::InvalidKey);
    assert_eq!(parent.child_encoded("").unwrap_err().kind(), ErrorKind::InvalidKey);
}

#[test]
fn a_path_whose_kind_is_dots_is_resolved_as_go_does() {
    assert_eq!(key!("/a/b/.:c").path(), Some(key!("/a/b")));
    assert_eq!(key!("/a/b/..:c").path(), Some(key!("/a")));
    assert_eq!(key!("/a/..:c").path(), None);
    assert_eq!(key!("/..:c").path(), None);
}

#[test]
fn a_detached_key_has_a_buffer_of_its_own() {
    let key = key!("/a/b");
    assert_eq!(key.detached(), key);
    assert_ne!(key.detached().as_bytes().as_ptr(), key.as_bytes().as_ptr());
    assert_eq!(key.clone().as_bytes().as_ptr(), key.as_bytes().as_ptr());
}

#[test]
fn text_escapes_what_cannot_be_shown_and_nothing_else() {
    let shown = |encoded: &[u8]| Key::new(encoded).unwrap().to_string();
    assert_eq!(shown("/ż/日本 x:y".as_bytes()), "/ż/日本 x:y");
    assert_eq!(shown(b"/100%/\xff\n\x7f"), "/100%25/%FF%0A%7F");
    assert_eq!(shown("/a\u{85}".as_bytes()), "/a%C2%85");
    assert_eq!("/%61%2e".parse::<Key>().unwrap(), key!("/a."));
    for text in ["/%", "/%4", "/%4g", "/%zz", "/%2F", "/%é1", "", "a"] {
        assert_eq!(text.parse::<Key>().unwrap_err().kind(), ErrorKind::InvalidKey, "{text}");
    }
}

#[test]
fn the_message_shows_what_is_wrong_and_not_all_of_a_long_key() {
    let message = |encoded: &[u8]| Key::new(encoded).unwrap_err().to_string();
    assert_eq!(
        message(b"/a//\xff"),
        r#"not a key: "/a//\xff": a segment is empty (`Key::clean` drops empty segments)"#
    );
    assert!(message(b"a").ends_with("a key begins with `/`"));
    assert!(message(&[b'a'; 1 << 20]).len() < 200);
}
