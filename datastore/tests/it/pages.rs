//! What every page keeps to.

use bytes::Bytes;
use datastore::{Content, ErrorKind, Key, Page, PageBuilder, Query, key};
use proptest::prelude::*;

fn filled(query: &Query, entries: impl IntoIterator<Item = (Key, Content)>) -> Page {
    let mut page = PageBuilder::new(query);
    for (key, content) in entries {
        if page.push(key.as_bytes(), content).is_break() {
            break;
        }
    }
    page.finish().unwrap()
}

fn numbered(number: usize) -> Key {
    Key::new(format!("/{number:08}")).unwrap()
}

proptest! {
    #[test]
    fn a_page_is_the_longest_start_that_its_bounds_allow(
        sizes in prop::collection::vec(0..3 * PageBuilder::MAX_BYTES / 2, 0..12),
        limit in prop::option::of(0..14_usize),
    ) {
        let zeros = Bytes::from_static(&[0; 3 * PageBuilder::MAX_BYTES / 2]);
        let entry = |(n, size): (usize, &usize)| (numbered(n), Content::Value(zeros.slice(..*size)));
        let query = Query { limit, ..Query::all() };
        let page = filled(&query, sizes.iter().enumerate().map(entry));

        let bytes = |n: usize| sizes[..n].iter().map(|size| size + 9).sum::<usize>();
        let fits = |n: &usize| *n < limit.unwrap_or(usize::MAX) && bytes(*n) < PageBuilder::MAX_BYTES;
        let len = (0..sizes.len()).take_while(fits).count();
        prop_assert_eq!(page.entries.len(), len);
        for (n, entry) in page.entries.iter().enumerate() {
            prop_assert_eq!(entry.key(), &numbered(n));
            prop_assert_eq!(entry.size(), Some(sizes[n] as u64));
        }
        let next = (len < sizes.len()).then(|| len.checked_sub(1).map(numbered)).flatten();
        prop_assert_eq!(page.next, next);
    }
}

#[test]
fn a_page_has_a_bounded_number_of_entries_whatever_the_limit() {
    let query = Query::all().limit(usize::MAX);
    let page = filled(&query, (0..10_000).map(|n| (numbered(n), Content::Nothing)));
    assert_eq!(page.entries.len(), PageBuilder::MAX_ENTRIES);
    assert_eq!(page.next, Some(numbered(PageBuilder::MAX_ENTRIES - 1)));
}

#[test]
fn keys_count_towards_the_bytes_of_a_page_and_sizes_do_not() {
    let long = |n: usize| Key::new(format!("/{n:0>width$}", width = Key::MAX_LEN - 1)).unwrap();
    let page = filled(&Query::all(), (0..100).map(|n| (long(n), Content::Size(1 << 40))));
    assert_eq!(page.entries.len(), PageBuilder::MAX_BYTES.div_ceil(Key::MAX_LEN));
}

#[test]
fn a_page_that_is_full_at_the_end_of_the_query_may_have_no_cursor() {
    let page = filled(&Query::all().limit(2), (0..2).map(|n| (numbered(n), Content::Nothing)));
    assert_eq!((page.entries.len(), page.next), (2, None));
}

#[test]
fn a_page_that_is_cut_has_the_cursor_it_is_told_even_without_entries() {
    let mut page = PageBuilder::new(&Query::all());
    page.cut(b"/passed/over");
    let page = page.finish().unwrap();
    assert_eq!((page.entries.len(), page.next), (0, Some(key!("/passed/over"))));
}

#[test]
fn what_is_not_a_key_is_damage() {
    for damaged in [b"".as_slice(), b"a", b"/a//b", &[b'/'; 70_000]] {
        let mut page = PageBuilder::new(&Query::all());
        assert!(page.push(b"/a", Content::Nothing).is_continue());
        assert!(page.push(damaged, Content::Nothing).is_continue());
        assert_eq!(page.finish().unwrap_err().kind(), ErrorKind::Corrupt);
        let mut page = PageBuilder::new(&Query::all());
        page.cut(damaged);
        assert_eq!(page.finish().unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn keys_of_a_page_share_a_buffer_and_its_cursor_does_not() {
    let page = filled(&Query::all().limit(2), (0..3).map(|n| (numbered(n), Content::Nothing)));
    let address = |key: &Key| key.as_bytes().as_ptr() as usize;
    let (first, second) = (page.entries[0].key(), page.entries[1].key());
    assert_eq!(address(first) + first.as_bytes().len(), address(second));
    assert_ne!(address(&page.next.unwrap()), address(second));
}

#[test]
fn an_entry_tells_what_was_selected() {
    let entry = |content| datastore::Entry::new(key!("/a"), content);
    let (nothing, size) = (entry(Content::Nothing), entry(Content::Size(3)));
    let value = entry(Content::Value("abc".into()));
    assert_eq!((nothing.size(), nothing.value()), (None, None));
    assert_eq!((size.size(), size.value()), (Some(3), None));
    assert_eq!((value.size(), value.value()), (Some(3), Some(&"abc".into())));
    assert_eq!(value.clone().into_key(), key!("/a"));
    assert_eq!(value.into_parts(), (key!("/a"), Content::Value("abc".into())));
}
