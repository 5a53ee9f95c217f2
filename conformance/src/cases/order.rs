//! Bytewise order of keys, exactly.

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Key, Query, key};

use super::basics::{ensure_absent, ensure_value};
use super::support::{fill, key as make_key, keys, listed, walked_keys};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[
    case!(
        "order",
        keys_are_listed_bytewise,
        [Writable],
        "all bytes, 0x00, 0xFF and non-UTF-8 among them"
    ),
    case!(
        "order",
        neighbours_of_the_slash_keep_apart,
        [Writable],
        "what lies just below and above a boundary"
    ),
    case!(
        "order",
        keys_equal_to_a_prefix_are_told_apart,
        [Writable],
        "descendants, prefix and range of each key"
    ),
    case!(
        "order",
        prefixes_of_0xff_have_an_end,
        [Writable],
        "prefixes that have no successor of their length"
    ),
    case!("order", the_longest_key_is_a_key, [Writable], "read, listed, resumed after, deleted"),
    case!("order", a_key_that_is_too_long_is_refused, [Writable], "before anything is written"),
    case!(
        "order",
        a_key_can_have_many_segments,
        [Writable],
        "thousands, as far as the length allows"
    ),
];

/// Sorts by bytes, without the help of the order of [`Key`].
fn sorted(mut encoded: Vec<Vec<u8>>) -> Outcome<Vec<Key>> {
    encoded.sort();
    encoded.dedup();
    keys(encoded)
}

/// The listing is `expected`, forwards and backwards, at once and in pages.
async fn ensure_listing(store: &dyn Datastore, query: Query, expected: &[Key]) -> Outcome {
    ensure_eq!(listed(store, query.clone()).await?, expected, "{query:?}");
    let pages = query.clone().limit(7);
    ensure_eq!(walked_keys(store, &pages).await?, expected, "{pages:?} in pages");
    let expected: Vec<Key> = expected.iter().rev().cloned().collect();
    let query = query.descending();
    ensure_eq!(listed(store, query.clone()).await?, expected, "{query:?}");
    let pages = query.limit(7);
    ensure_eq!(walked_keys(store, &pages).await?, expected, "{pages:?} in pages");
    Ok(())
}

async fn keys_are_listed_bytewise(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let mut encoded = Vec::new();
    for byte in (0..=u8::MAX).filter(|byte| *byte != b'/') {
        if byte != b'.' {
            encoded.extend([vec![b'/', byte], vec![b'/', b'k', b'/', byte]]);
        }
        encoded.extend([vec![b'/', b'k', byte], vec![b'/', b'k', byte, b'/', byte, byte, b'k']]);
    }
    let all = sorted(encoded)?;
    // In an order that no engine keeps.
    let mut shuffled = all.clone();
    shuffled.sort_by_key(|key| {
        key.as_bytes().iter().rev().map(|b| b.reverse_bits()).collect::<Vec<_>>()
    });
    fill(&store, &shuffled).await?;
    ensure_listing(&store, Query::all(), &all).await?;
    for key in &all {
        ensure_eq!(store.get(key).await?, Some(key.to_bytes()), "get of {key}");
    }
    let below = all.iter().filter(|key| key.as_bytes().starts_with(b"/k/"));
    let below: Vec<Key> = below.cloned().collect();
    ensure_listing(&store, Query::descendants(key!("/k")), &below).await
}

async fn neighbours_of_the_slash_keep_apart(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    // `.` is the byte before `/`, `0` the one after.
    let encoded = [
        "/a", "/a.", "/a.a", "/a/\0", "/a/.a", "/a/0", "/a/a", "/a/a.", "/a/a/a", "/a/a0", "/a0",
        "/a00", "/a-", "/a!",
    ];
    let all = sorted(encoded.iter().map(|text| text.as_bytes().to_vec()).collect())?;
    fill(&store, &all).await?;
    ensure_listing(&store, Query::all(), &all).await?;
    for parent in ["/a", "/a/a", "/a0", "/a."] {
        let below = format!("{parent}/");
        let expected: Vec<Key> = all
            .iter()
            .filter(|key| key.as_bytes().starts_with(below.as_bytes()))
            .cloned()
            .collect();
        ensure_listing(&store, Query::descendants(make_key(parent)?), &expected).await?;
    }
    Ok(())
}

async fn keys_equal_to_a_prefix_are_told_apart(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = sorted(["/k", "/k/k", "/k/k/k", "/kk", "/kk/k"].map(Vec::from).to_vec())?;
    fill(&store, &all).await?;
    for key in &all {
        let prefix = key.as_bytes();
        let found = |is: &dyn Fn(&[u8]) -> bool| {
            all.iter().filter(|key| is(key.as_bytes())).cloned().collect::<Vec<Key>>()
        };
        let below = found(&|key| {
            key.len() > prefix.len()
                && key.starts_with(prefix)
                && key.get(prefix.len()) == Some(&b'/')
        });
        ensure_listing(&store, Query::descendants(key.clone()), &below).await?;
        let beginning = found(&|key| key.starts_with(prefix));
        ensure_listing(&store, Query::starts_with(key.to_bytes()), &beginning).await?;
        let from = found(&|key| key >= prefix);
        ensure_listing(&store, Query::range(key.clone()..), &from).await?;
        let to = found(&|key| key < prefix);
        ensure_listing(&store, Query::range(..key.clone()), &to).await?;
    }
    Ok(())
}

async fn prefixes_of_0xff_have_an_end(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = sorted(vec![
        b"/\xfe\xff".to_vec(),
        b"/\xff".to_vec(),
        b"/\xff/\xff".to_vec(),
        b"/\xff\0".to_vec(),
        b"/\xff\xff".to_vec(),
        b"/\xff\xff\xff".to_vec(),
        b"/a".to_vec(),
    ])?;
    fill(&store, &all).await?;
    for prefix in
        [&b"/\xff"[..], b"/\xff\xff", b"/\xff\xff\xff", b"/\xfe", b"\xff", b"/\xff\xff\xff\xff"]
    {
        let expected: Vec<Key> =
            all.iter().filter(|key| key.as_bytes().starts_with(prefix)).cloned().collect();
        ensure_listing(&store, Query::starts_with(prefix), &expected).await?;
    }
    ensure_listing(&store, Query::descendants(make_key(b"/\xff")?), &[make_key(b"/\xff/\xff")?])
        .await
}

/// A key of this length, in segments that a file system would take too.
fn long_key(len: usize, last: u8) -> Outcome<Key> {
    let mut encoded: Vec<u8> =
        b"/".iter().chain([b'k'; 199].iter()).copied().cycle().take(len).collect();
    if let [.., before, end] = encoded.as_mut_slice() {
        // The end of a segment of one byte at least.
        (*before, *end) = (if *before == b'/' { b'/' } else { b'k' }, last);
    }
    make_key(encoded)
}

async fn the_longest_key_is_a_key(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let len = bench.capabilities.max_key_len;
    ensure!((1..=Key::MAX_LEN).contains(&len), "declares keys of up to {len} bytes");
    let all = [long_key(len - 1, b'k')?, long_key(len, b'a')?, long_key(len, b'z')?];
    let mut all: Vec<Key> = all.to_vec();
    all.push(key!("/z"));
    all.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    fill(&store, &all).await?;
    for key in &all {
        ensure_value(&store, key, &key.to_bytes()).await?;
        let mut after = all.clone();
        after.retain(|other| other > key);
        ensure_listing(&store, Query::all().after(key.clone()), &after).await?;
        let mut before = all.clone();
        before.retain(|other| other < key);
        ensure_listing(&store, Query::all().before(key.clone()), &before).await?;
        ensure_listing(&store, Query::descendants(key.clone()), &[]).await?;
        let itself = std::slice::from_ref(key);
        ensure_listing(&store, Query::range(key.clone()..=key.clone()), itself).await?;
    }
    ensure_listing(&store, Query::all(), &all).await?;
    for key in &all {
        store.delete(key).await?;
        ensure_absent(&store, key).await?;
    }
    ensure_listing(&store, Query::all(), &[]).await
}

async fn a_key_that_is_too_long_is_refused(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let len = bench.capabilities.max_key_len;
    // What no store holds is not even a key; what this store does not hold, it refuses.
    ensure_kind!(
        Key::new([b"/".to_vec(), b"k".repeat(Key::MAX_LEN)].concat()),
        ErrorKind::InvalidKey,
        "a key of more than {} bytes",
        Key::MAX_LEN
    );
    if len >= Key::MAX_LEN {
        return Ok(());
    }
    for too_long in [long_key(len + 1, b'k')?, long_key(Key::MAX_LEN, b'k')?] {
        let shown = too_long.as_bytes().len();
        let batch =
            Batch::new().put(key!("/a"), "1").put(too_long.clone(), "2").put(key!("/b"), "3");
        let refused = store.commit(batch).await;
        ensure_kind!(refused, ErrorKind::InvalidKey, "a batch with a key of {shown} bytes");
        let outcome = refused.err().and_then(|error| error.outcome());
        ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "the outcome of that batch");
        ensure_listing(&store, Query::all(), &[]).await?;
        let refused = store.put(&too_long, Bytes::new()).await;
        ensure_kind!(refused, ErrorKind::InvalidKey, "a put to a key of {shown} bytes");
        match store.get(&too_long).await {
            Ok(found) => ensure_eq!(found, None, "get of a key of {shown} bytes"),
            other => ensure_kind!(other, ErrorKind::InvalidKey, "get of a key of {shown} bytes"),
        }
        // As a bound it is a place like any other.
        store.put(&key!("/z"), "1").await?;
        ensure_listing(&store, Query::all().after(too_long.clone()), &[key!("/z")]).await?;
        ensure_listing(&store, Query::all().before(too_long.clone()), &[]).await?;
        ensure_listing(&store, Query::range(too_long.clone()..), &[key!("/z")]).await?;
        ensure_listing(&store, Query::descendants(too_long), &[]).await?;
        store.delete(&key!("/z")).await?;
    }
    Ok(())
}

async fn a_key_can_have_many_segments(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let deepest = bench.capabilities.max_key_len / 2;
    let mut all = Vec::new();
    for depth in [1, 2, 100, 1_000, deepest - 1, deepest] {
        all.push(make_key("/d".repeat(depth.min(deepest)))?);
    }
    all.sort_by_key(|key| key.as_bytes().len());
    all.dedup();
    fill(&store, &all).await?;
    ensure_listing(&store, Query::all(), &all).await?;
    for (place, key) in all.iter().enumerate() {
        let below = all.get(place + 1..).unwrap_or_default();
        ensure_listing(&store, Query::descendants(key.clone()), below).await?;
    }
    Ok(())
}
