//! Listings: complete and in order, whatever lies in the bucket.

use datastore::{Datastore, DatastoreExt, ErrorKind, Key, Page, Query, key};
use futures::TryStreamExt;
use s3_testing::{Fault, Gate};

use crate::harness::{PREFIX, Rig, gets, keys, options};

/// Bytes at the borders of what names escape, and those beside `/`.
const BORDERS: &[u8] = b"\x00\x01\x1f !+,-.09:;=?@AZ[^_`az{|}~\x7f\x80\xc3\xfe\xff";

/// Keys of hard bytes, prefixes of one another among them; in order.
pub(crate) fn adversarial() -> Vec<Key> {
    let mut keys = vec![key!("/a"), key!("/a/b"), key!("/a/b/c"), key!("/ab"), key!("/a/bc")];
    for byte in BORDERS {
        let byte = std::slice::from_ref(byte);
        let shapes: [&[&[u8]]; 5] = [
            &[byte],
            &[b"a", byte],
            &[byte, b"a"],
            &[b"a", &[byte, byte].concat(), b"b"],
            &[&[b"a", byte].concat()],
        ];
        keys.extend(shapes.into_iter().filter_map(|shape| Key::from_segments(shape).ok()));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// All pages of a query.
pub(crate) async fn pages(store: &impl Datastore, query: Query) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut next = Some(query.clone());
    while let Some(query_here) = next {
        let page = store.query_page(&query_here).await.unwrap();
        next = page.next.clone().map(|cursor| query.clone().resume(cursor));
        pages.push(page);
    }
    pages
}

pub(crate) fn keys_of(pages: &[Page]) -> Vec<Key> {
    pages.iter().flat_map(|page| &page.entries).map(|entry| entry.key().clone()).collect()
}

#[tokio::test]
async fn pages_of_two_hold_every_key_once_and_in_order() {
    let rig = Rig::new();
    let mut keys = adversarial();
    rig.filled(&keys).await;
    let store = rig.open(options().page(2)).await;
    for values in [false, true] {
        let query = if values { Query::all() } else { Query::all().keys_only() };
        let pages = pages(&store, query).await;
        assert!(pages.iter().all(|page| page.entries.len() <= 2));
        assert_eq!(keys_of(&pages), keys);
        let mut entries = pages.iter().flat_map(|page| &page.entries);
        assert!(!values || entries.all(|entry| entry.value().unwrap() == entry.key().as_bytes()));
    }
    keys.reverse();
    let descending = pages(&store, Query::all().descending().keys_only()).await;
    assert_eq!(keys_of(&descending), keys);
}

#[tokio::test]
async fn a_page_begins_after_any_cursor() {
    let rig = Rig::new();
    let keys = adversarial();
    let store = rig.filled(&keys).await;
    for (place, cursor) in keys.iter().enumerate() {
        let after = Query::all().keys_only().after(cursor.clone()).limit(3);
        let page = store.query_page(&after).await.unwrap();
        let expected: Vec<_> = keys[place + 1..].iter().take(3).cloned().collect();
        assert_eq!(keys_of(&[page]), expected, "after {cursor}");
        let below: Vec<_> =
            store.query_keys(Query::descendants(cursor.clone())).try_collect().await.unwrap();
        let within = |key: &&Key| {
            let rest = key.as_bytes().strip_prefix(cursor.as_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&b'/'))
        };
        let expected: Vec<_> = keys.iter().filter(within).cloned().collect();
        assert_eq!(below, expected, "below {cursor}");
    }
}

#[tokio::test]
async fn over_two_thousand_objects_come_in_both_directions() {
    let rig = Rig::new();
    let store = rig.store().await;
    let mut keys = keys(2345);
    for key in &keys {
        rig.server.put_raw(&format!("{PREFIX}{key}"), key.to_bytes());
    }
    let pages = pages(&store, Query::all()).await;
    assert_eq!(pages.iter().map(|page| page.entries.len()).collect::<Vec<_>>(), [1000, 1000, 345]);
    assert_eq!(keys_of(&pages), keys);
    let descending: Vec<_> =
        store.query_keys(Query::all().descending()).try_collect().await.unwrap();
    keys.reverse();
    assert_eq!(descending, keys);
}

#[tokio::test]
async fn descending_over_the_bound_is_unsupported_and_says_why() {
    let rig = Rig::new();
    rig.filled(&keys(20)).await;
    let store = rig.open(options().page(5).descending(12)).await;
    let all = Query::all().descending().keys_only();
    let error = store.query_page(&all).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let message = error.to_string();
    assert!(message.contains("descending") && message.contains("more than 12 keys"), "{message}");
    // It stopped as soon as it knew.
    assert_eq!(rig.asked(), [("LIST", 3)]);
    let fewer = all.before(keys(20)[12].clone());
    assert_eq!(keys_of(&pages(&store, fewer).await).len(), 12);
}

/// Objects that no key has the name of.
const FOREIGN: [&str; 12] =
    ["", "a/", "a//b", "dir/", "x%41", "with space", "ümlaut", "a\\b", "!2", "~c3", "..", "a/../b"];

#[tokio::test]
async fn objects_of_others_are_passed_over_and_counted() {
    let rig = Rig::new();
    let keys = [key!("/a/b"), key!("/b"), key!("/x"), key!("/z")];
    rig.filled(&keys).await;
    for name in FOREIGN {
        rig.server.put_raw(&format!("{PREFIX}/{name}"), "foreign");
    }
    // Beside the store, not below it.
    for name in ["a", "t", "t0", "tt/a"] {
        rig.server.put_raw(name, "beside");
    }
    for page in [1, 2, 1000] {
        let store = rig.open(options().page(page)).await;
        let pages = pages(&store, Query::all()).await;
        assert_eq!(keys_of(&pages), keys);
        let mut entries = pages.iter().flat_map(|page| &page.entries);
        assert!(entries.all(|entry| entry.value().unwrap() == entry.key().as_bytes()));
        let report = store.check().await.unwrap();
        assert_eq!((report.entries, report.foreign), (4, FOREIGN.len() as u64));
        assert!(report.is_clean());
    }
    let store = rig.store().await;
    assert_eq!(store.get(&key!("/a")).await.unwrap(), None);
    assert!(!store.has(&key!("/dir")).await.unwrap());
}

#[tokio::test]
async fn a_listing_of_nothing_but_objects_of_others_goes_on() {
    let rig = Rig::new();
    let keys = [key!("/a"), key!("/z")];
    rig.filled(&keys).await;
    for number in 0..9 {
        rig.server.put_raw(&format!("{PREFIX}/m//{number}"), "");
    }
    let store = rig.open(options().page(3)).await;
    assert_eq!(keys_of(&pages(&store, Query::all()).await), keys);
    let none = Query::descendants(key!("/m"));
    assert_eq!(store.query_page(&none).await.unwrap(), Page::default());
}

#[tokio::test]
async fn a_key_deleted_between_the_listing_and_its_read_is_not_there() {
    let rig = Rig::new();
    let keys = keys(5);
    let store = rig.filled(&keys).await;
    let gate = Gate::new();
    rig.proxy.on(gets().path_suffix("/k/000001"), Fault::Hold(gate.clone()));
    let all = Query::all();
    let delete = async {
        gate.arrived(1).await;
        assert!(rig.server.delete_raw("t/k/000001"));
        gate.release();
    };
    let (page, ()) = futures::join!(store.query_page(&all), delete);
    let page = page.unwrap();
    assert_eq!(page.next, None);
    let left = [0, 2, 3, 4].map(|place: usize| keys[place].clone());
    assert_eq!(keys_of(&[page]), left);
}
