use std::sync::Arc;

use cid::Cid;
use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, MemoryDatastore, Query, key};
use datastore_blocks::{
    Block, Blockstore, DAG_CBOR, DAG_PB, IDENTITY, Pin, PinMode, PinOptions, PinRow, PinnedBy,
    Pins, RAW,
};
use futures::TryStreamExt;

use crate::gc_support::{node, open};

async fn empty() -> Blockstore {
    open(Arc::new(MemoryDatastore::new())).await
}

/// A root, what it links to, and what that links to.
fn family() -> [Block; 3] {
    let leaf = node(RAW, "leaf", &[]);
    let middle = node(DAG_CBOR, "middle", &[*leaf.cid()]);
    let root = node(DAG_PB, "root", &[*middle.cid()]);
    [root, middle, leaf]
}

async fn listed(pins: &Pins, mode: Option<PinMode>) -> Vec<(Cid, PinMode, String)> {
    let rows: Vec<PinRow> = pins.list(mode).try_collect().await.unwrap();
    let pin = |row| match row {
        PinRow::Pin(Pin { cid, mode, name, .. }) => (cid, mode, name),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(pin).collect()
}

#[tokio::test]
async fn a_recursive_pin_supersedes_a_direct_one() {
    let (blocks, [root, middle, leaf]) = (empty().await, family());
    blocks.put_batch(vec![root.clone(), middle, leaf]).await.unwrap();
    let pins = blocks.pins();
    pins.pin_direct(root.cid(), PinOptions::new().name("alone")).await.unwrap();
    assert_eq!(pins.pinned_by(root.cid()).await.unwrap(), Some(PinnedBy::Direct));
    pins.pin_recursive(root.cid(), PinOptions::new().name("all")).await.unwrap();
    assert_eq!(listed(&pins, None).await, [(*root.cid(), PinMode::Recursive, "all".to_owned())]);
    assert_eq!(pins.unpin(root.cid()).await.unwrap(), Some(PinMode::Recursive));
    assert_eq!(pins.pinned_by(root.cid()).await.unwrap(), None);
}

#[tokio::test]
async fn a_direct_pin_of_what_is_pinned_recursively_is_refused() {
    let (blocks, pins) = {
        let blocks = empty().await;
        (blocks.clone(), blocks.pins())
    };
    let block = node(RAW, "block", &[]);
    blocks.put(block.clone()).await.unwrap();
    pins.pin_recursive(block.cid(), PinOptions::new()).await.unwrap();
    let refused = pins.pin_direct(block.cid(), PinOptions::new()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains(&block.cid().to_string()), "{refused}");
    assert_eq!(listed(&pins, Some(PinMode::Direct)).await, []);
}

#[tokio::test]
async fn pinning_again_changes_the_name() {
    let blocks = empty().await;
    let (pins, block) = (blocks.pins(), node(RAW, "block", &[]));
    blocks.put(block.clone()).await.unwrap();
    for (mode, names) in [(PinMode::Direct, ["a", "b"]), (PinMode::Recursive, ["c", ""])] {
        for name in names {
            let options = PinOptions::new().name(name);
            match mode {
                PinMode::Direct => pins.pin_direct(block.cid(), options).await.unwrap(),
                PinMode::Recursive => pins.pin_recursive(block.cid(), options).await.unwrap(),
            }
            let pin = pins.get(block.cid()).await.unwrap().unwrap();
            assert_eq!((pin.mode, pin.name.as_str()), (mode, name));
        }
    }
}

#[tokio::test]
async fn unpinning_what_is_not_pinned_answers_none() {
    let (pins, [root, ..]) = (empty().await.pins(), family());
    assert_eq!(pins.unpin(root.cid()).await.unwrap(), None);
}

#[tokio::test]
async fn either_version_of_a_cid_is_the_same_pin() {
    let blocks = empty().await;
    let (pins, block) = (blocks.pins(), node(DAG_PB, "block", &[]));
    blocks.put(block.clone()).await.unwrap();
    let v0 = Cid::new_v0(*block.cid().hash()).unwrap();
    pins.pin_recursive(&v0, PinOptions::new()).await.unwrap();
    assert_eq!(pins.get(block.cid()).await.unwrap().unwrap().cid, *block.cid());
    assert_eq!(pins.pinned_by(&v0).await.unwrap(), Some(PinnedBy::Recursive));
    assert_eq!(pins.unpin(&v0).await.unwrap(), Some(PinMode::Recursive));
    assert_eq!(pins.get(block.cid()).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_digest_under_two_codecs_is_two_pins() {
    let blocks = empty().await;
    let (pins, block) = (blocks.pins(), node(DAG_PB, "block", &[]));
    blocks.put(block.clone()).await.unwrap();
    let raw = Cid::new_v1(RAW, *block.cid().hash());
    pins.pin_recursive(&raw, PinOptions::new()).await.unwrap();
    pins.pin_direct(block.cid(), PinOptions::new()).await.unwrap();
    assert_eq!(listed(&pins, None).await.len(), 2);
    assert_eq!(pins.unpin(&raw).await.unwrap(), Some(PinMode::Recursive));
    // Either way: it is the block that stays.
    assert_eq!(pins.pinned_by(block.cid()).await.unwrap(), Some(PinnedBy::Direct));
    assert_eq!(pins.pinned_by(&raw).await.unwrap(), Some(PinnedBy::Direct));
}

#[tokio::test]
async fn a_recursive_pin_names_the_block_that_is_missing() {
    for missing in 0..3 {
        let (blocks, family) = (empty().await, family());
        for (at, block) in family.iter().enumerate() {
            if at != missing {
                blocks.put(block.clone()).await.unwrap();
            }
        }
        let (pins, root) = (blocks.pins(), family[0].cid());
        let error = pins.pin_recursive(root, PinOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&family[missing].cid().to_string()), "{error}");
        assert_eq!(listed(&pins, None).await, []);
        pins.pin_recursive(root, PinOptions::new().check(false)).await.unwrap();
        assert_eq!(pins.pinned_by(root).await.unwrap(), Some(PinnedBy::Recursive));
    }
}

#[tokio::test]
async fn a_direct_pin_wants_its_block_and_no_other() {
    let (blocks, [root, ..]) = (empty().await, family());
    let pins = blocks.pins();
    let error = pins.pin_direct(root.cid(), PinOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    blocks.put(root.clone()).await.unwrap();
    pins.pin_direct(root.cid(), PinOptions::new()).await.unwrap();
}

#[tokio::test]
async fn a_block_is_pinned_indirectly_by_the_root_that_reaches_it() {
    let (blocks, [root, middle, leaf]) = (empty().await, family());
    let other = node(RAW, "other", &[]);
    let all = vec![root.clone(), middle.clone(), leaf.clone(), other.clone()];
    blocks.put_batch(all).await.unwrap();
    let pins = blocks.pins();
    pins.pin_recursive(root.cid(), PinOptions::new()).await.unwrap();
    for below in [&middle, &leaf] {
        let by = pins.pinned_by(below.cid()).await.unwrap();
        assert_eq!(by, Some(PinnedBy::Indirect(*root.cid())));
    }
    assert_eq!(pins.pinned_by(other.cid()).await.unwrap(), None);
    // A listing without codecs names the block so.
    let raw = Cid::new_v1(RAW, *middle.cid().hash());
    assert_eq!(pins.pinned_by(&raw).await.unwrap(), Some(PinnedBy::Indirect(*root.cid())));
}

#[tokio::test]
async fn a_pin_that_cannot_be_walked_hides_no_other_and_is_named_if_there_is_none() {
    let blocks = empty().await;
    let family = family();
    let foreign: Vec<Block> =
        ["one", "two", "three"].map(|git| Block::new(0x78, git.to_owned())).to_vec();
    let lonely = Block::new(RAW, "lonely");
    blocks.put_batch(family.to_vec()).await.unwrap();
    blocks.put_batch([&foreign[..], std::slice::from_ref(&lonely)].concat()).await.unwrap();
    let pins = blocks.pins();
    for root in &foreign {
        pins.pin_recursive(root.cid(), PinOptions::new().check(false)).await.unwrap();
    }
    let error = pins.pinned_by(lonely.cid()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(foreign.iter().any(|root| text.contains(&root.cid().to_string())), "{text}");
    // Wherever its row lies among theirs.
    pins.pin_recursive(family[0].cid(), PinOptions::new()).await.unwrap();
    let by = pins.pinned_by(family[2].cid()).await.unwrap();
    assert_eq!(by, Some(PinnedBy::Indirect(*family[0].cid())));
}

#[tokio::test]
async fn an_identity_cid_can_be_pinned_and_reaches_what_it_links() {
    let blocks = empty().await;
    let leaf = node(RAW, "leaf", &[]);
    blocks.put(leaf.clone()).await.unwrap();
    let inline = node(DAG_CBOR, "i", &[*leaf.cid()]);
    let inline = Block::with_hash(DAG_CBOR, IDENTITY, inline.data().clone()).unwrap();
    blocks.pins().pin_recursive(inline.cid(), PinOptions::new()).await.unwrap();
    let by = blocks.pins().pinned_by(leaf.cid()).await.unwrap();
    assert_eq!(by, Some(PinnedBy::Indirect(*inline.cid())));
}

#[tokio::test]
async fn a_name_has_a_longest_length() {
    let (blocks, [root, ..]) = (empty().await, family());
    let pins = blocks.pins();
    let longest = PinOptions::new().check(false).name("n".repeat(Pins::MAX_NAME_LEN));
    pins.pin_recursive(root.cid(), longest).await.unwrap();
    let longer = PinOptions::new().check(false).name("n".repeat(Pins::MAX_NAME_LEN + 1));
    let error = pins.pin_recursive(root.cid(), longer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_row_is_named_by_the_cid_and_holds_cbor() {
    let store = Arc::new(MemoryDatastore::new());
    let (blocks, [root, ..]) = (open(store.clone()).await, family());
    let options = PinOptions::new().check(false).name("me");
    blocks.pins().pin_recursive(root.cid(), options).await.unwrap();
    let key = key!("/block-pins/recursive").child_encoded(root.cid().to_bytes()).unwrap();
    let value = store.get(&key).await.unwrap().unwrap();
    // A map of two: "version": 1, "name": "me".
    assert_eq!(value, &b"\xa2\x67version\x01\x64name\x62me"[..]);
    assert_eq!(store.count(Query::all()).await.unwrap(), 1);
}

#[tokio::test]
async fn damaged_rows_are_reported_and_the_others_listed() {
    let store = Arc::new(MemoryDatastore::new());
    let (blocks, [root, middle, leaf]) = (open(store.clone()).await, family());
    let pins = blocks.pins();
    pins.pin_recursive(root.cid(), PinOptions::new().check(false)).await.unwrap();
    let odd = [
        key!("/block-pins/recursive/AAAA"),
        key!("/block-pins/recursive/not base32"),
        key!("/block-pins/someday/AFKREI"),
        key!("/block-pins/direct").child_encoded(middle.cid().to_bytes()).unwrap(),
        key!("/block-pins/direct").child_encoded(leaf.cid().to_bytes()).unwrap(),
    ];
    let of_another_version = &b"\xa2\x67version\x09\x64name\x60"[..];
    let values = [&b""[..], b"", b"", b"\xff", of_another_version];
    for (key, value) in odd.iter().zip(values) {
        store.commit(Batch::new().put(key.clone(), value)).await.unwrap();
    }
    let rows: Vec<PinRow> = pins.list(None).try_collect().await.unwrap();
    let mut damaged = Vec::new();
    for row in rows {
        match row {
            PinRow::Pin(pin) => assert_eq!(pin.cid, *root.cid()),
            PinRow::Damaged { key, error } => {
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                damaged.push(key);
            }
            other => panic!("{other:?}"),
        }
    }
    let mut expected = odd.to_vec();
    expected.sort();
    assert_eq!(damaged, expected);
    // What names a CID pins it, and can be taken away.
    assert_eq!(pins.get(leaf.cid()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(pins.pinned_by(leaf.cid()).await.unwrap(), Some(PinnedBy::Direct));
    assert_eq!(pins.unpin(leaf.cid()).await.unwrap(), Some(PinMode::Direct));
}

#[tokio::test]
async fn ten_thousand_pins_are_listed_once_each() {
    let blocks = empty().await;
    let pins = blocks.pins();
    let mut expected = Vec::new();
    for at in 0..10_000 {
        let block = node(RAW, &format!("{at}"), &[]);
        pins.pin_direct(block.cid(), PinOptions::new().check(false)).await.unwrap();
        expected.push(*block.cid());
    }
    let mut found: Vec<Cid> =
        listed(&pins, Some(PinMode::Direct)).await.into_iter().map(|pin| pin.0).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
