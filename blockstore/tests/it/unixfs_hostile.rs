//! What is read as a file and what is not: nodes of other writers, nodes that lie, blocks that are gone.

use datastore::{DatastoreExt, ErrorKind, Key};
use datastore_blocks::{
    AddOptions, Block, Blockstore, Cid, DAG_CBOR, DAG_PB, GcOptions, IDENTITY, LongCid, Multihash,
    PinOptions, RAW,
};
use futures::StreamExt;
use proptest::prelude::*;

use crate::unixfs_support::{
    add, bytes_field, content, empty, file_message, file_node, link, lying_node, number_field,
    read, read_range,
};

fn leaf(data: &str) -> Block {
    Block::new(RAW, data.to_owned())
}

async fn store(blocks: &[&Block]) -> Blockstore {
    let store = empty().await;
    for block in blocks {
        store.put((*block).clone()).await.unwrap();
    }
    store
}

/// The kind and the text of the error that reading a file gives.
async fn refusal(store: &Blockstore, cid: &Cid) -> (ErrorKind, String) {
    let error = read(store, cid).await.unwrap_err();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn data_of_a_node_comes_before_that_of_its_links_as_in_the_trickle_layout() {
    let (one, two) = (leaf("one"), leaf("two"));
    let inner = file_node(b"inner ", &[(*two.cid(), 3)]);
    let root = file_node(b"root ", &[(*one.cid(), 3), (*inner.cid(), 9), (*one.cid(), 3)]);
    let store = store(&[&one, &two, &inner, &root]).await;
    let expected = b"root oneinner twoone";
    assert_eq!(read(&store, root.cid()).await.unwrap(), expected);
    assert_eq!(store.file_size(root.cid()).await.unwrap(), 20);
    for from in 0..=20_usize {
        for to in from..=20 {
            let range = read_range(&store, root.cid(), from as u64, (to - from) as u64).await;
            assert_eq!(range.unwrap(), expected[from..to], "{from}..{to}");
        }
    }
}

#[tokio::test]
async fn leaves_of_every_kind_are_read() {
    let identity = Block::with_hash(RAW, IDENTITY, "identity ").unwrap();
    let raw_type = [number_field(1, 0), bytes_field(2, b"type raw "), number_field(3, 9)].concat();
    let raw_type = Block::new(DAG_PB, bytes_field(1, &raw_type));
    let unsized_leaf = Block::new(DAG_PB, bytes_field(1, &file_message(b"no size ", None, &[])));
    let v0 = file_node(b"v0", &[]);
    let v0 = Block::unverified(Cid::new_v0(*v0.cid().hash()).unwrap(), v0.data().clone());
    let links =
        [(*identity.cid(), 9), (*raw_type.cid(), 9), (*unsized_leaf.cid(), 8), (*v0.cid(), 2)];
    let root = file_node(b"", &links);
    let store = store(&[&raw_type, &unsized_leaf, &v0, &root]).await;
    assert_eq!(read(&store, root.cid()).await.unwrap(), b"identity type raw no size v0");
    assert_eq!(read(&store, identity.cid()).await.unwrap(), b"identity ");
    assert_eq!(store.file_size(identity.cid()).await.unwrap(), 9);
}

#[tokio::test]
async fn parts_in_identity_cids_of_up_to_128_bytes_are_read_pinned_exported_and_no_garbage() {
    let (first, second) = (leaf("first "), content(Some("inline"), 100));
    let hash = |data: &[u8]| Multihash::wrap(IDENTITY, data).unwrap();
    let inner = [bytes_field(1, &file_message(&second[..80], Some(80), &[]))].concat();
    let parts = [LongCid::new_v1(RAW, hash(&second)), LongCid::new_v1(DAG_PB, hash(&inner))];
    let message = file_message(b"", None, &[6, 100, 80]);
    let links = [link(first.cid()), link(&parts[0]), link(&parts[1])].concat();
    let root = Block::new(DAG_PB, [links, bytes_field(1, &message)].concat());
    let garbage = leaf("garbage");
    let store = store(&[&first, &root, &garbage]).await;
    let expected = [first.data(), &second[..], &second[..80]].concat();
    assert_eq!(read(&store, root.cid()).await.unwrap(), expected);
    assert_eq!(read_range(&store, root.cid(), 100, 50).await.unwrap(), expected[100..150]);

    store.pins().pin_recursive(root.cid(), PinOptions::new()).await.unwrap();
    let report = store.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.kept, report.swept), (2, 1));
    let exported = store.export_car(&[*root.cid()], &mut Vec::new()).await.unwrap();
    assert_eq!(exported.blocks, 2);
}

#[tokio::test]
async fn packed_sizes_unknown_fields_and_any_order_are_read() {
    let (one, two) = (leaf("one"), leaf("two!"));
    let message = [
        bytes_field(4, &[3, 4]),
        number_field(7, 0o644),
        bytes_field(8, &number_field(1, 1_700_000_000)),
        number_field(3, 7),
        number_field(1, 2),
    ];
    let node = [bytes_field(1, &message.concat()), link(one.cid()), link(two.cid())].concat();
    let root = Block::new(DAG_PB, node);
    let store = store(&[&one, &two, &root]).await;
    assert_eq!(read(&store, root.cid()).await.unwrap(), b"onetwo!");
}

#[tokio::test]
async fn what_is_not_a_file_is_unsupported_and_says_what_it_is() {
    let of_type = |number| Block::new(DAG_PB, bytes_field(1, &number_field(1, number)));
    let cases = [
        (of_type(1), "a directory"),
        (of_type(3), "metadata"),
        (of_type(4), "a symbolic link"),
        (of_type(5), "a shard of a directory"),
        (Block::new(DAG_PB, link(leaf("x").cid())), "without a message"),
        (Block::new(DAG_CBOR, vec![0xa0]), "0x71"),
    ];
    for (block, what) in cases {
        let store = store(&[&block]).await;
        let (kind, message) = refusal(&store, block.cid()).await;
        assert_eq!(kind, ErrorKind::Unsupported, "{message}");
        assert!(message.contains(what) && message.contains(&block.cid().to_string()), "{message}");
        assert_eq!(store.file_size(block.cid()).await.unwrap_err().kind(), ErrorKind::Unsupported);
        let parent = file_node(b"", &[(*block.cid(), 1)]);
        store.put(parent.clone()).await.unwrap();
        assert_eq!(refusal(&store, parent.cid()).await.0, ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn nodes_that_contradict_themselves_are_corrupt() {
    let one = leaf("one");
    let links = [(*one.cid(), 3)];
    let message = file_message(b"", Some(6), &[3, 3]);
    let cases = [
        ("a size too large", lying_node(b"", Some(4), &links)),
        ("a size too small", lying_node(b"data", Some(6), &links)),
        ("more than 64 bits", lying_node(b"", None, &[(*one.cid(), u64::MAX), (*one.cid(), 1)])),
        ("another number of sizes", {
            Block::new(DAG_PB, [link(one.cid()), bytes_field(1, &message)].concat())
        }),
        ("no type", Block::new(DAG_PB, bytes_field(1, &number_field(3, 0)))),
        ("an unknown type", Block::new(DAG_PB, bytes_field(1, &number_field(1, 6)))),
        ("a type of bytes", Block::new(DAG_PB, bytes_field(1, &bytes_field(1, b"2")))),
        ("no message", Block::new(DAG_PB, bytes_field(1, b"hello"))),
        ("no node", Block::new(DAG_PB, "hello")),
    ];
    for (what, block) in cases {
        let store = store(&[&one, &block]).await;
        let (kind, message) = refusal(&store, block.cid()).await;
        assert_eq!(kind, ErrorKind::Corrupt, "{what}: {message}");
        assert!(message.contains(&block.cid().to_string()), "{what}: {message}");
    }
}

#[tokio::test]
async fn a_part_of_another_size_than_its_parent_says_is_corrupt_and_both_are_named() {
    let one = leaf("one");
    let inner = file_node(b"", &[(*one.cid(), 3)]);
    for (part, size) in [(&one, 2), (&one, 4), (&one, u64::MAX), (&inner, 2), (&inner, 4)] {
        let root = file_node(b"", &[(*part.cid(), size)]);
        let store = store(&[&one, &inner, &root]).await;
        let (kind, message) = refusal(&store, root.cid()).await;
        assert_eq!(kind, ErrorKind::Corrupt, "{message}");
        assert!(message.contains(&part.cid().to_string()), "{message}");
        assert!(message.contains(&root.cid().to_string()), "{message}");
    }
}

#[tokio::test]
async fn a_missing_block_in_the_middle_is_named_after_what_comes_before_it() {
    let store = empty().await;
    let content = content(Some("gap"), 100);
    let root = add(&store, &content, &AddOptions::v1().chunk_len(10)).await.cid;
    let gone = *Block::new(RAW, content[50..60].to_vec()).cid();
    store.delete(&gone).await.unwrap();
    let parts: Vec<_> = store.read_file(&root).collect().await;
    let (error, before) = parts.split_last().unwrap();
    let before: Vec<u8> = before.iter().flat_map(|part| part.as_ref().unwrap().to_vec()).collect();
    assert_eq!(before, content[..50]);
    let error = error.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let message = error.to_string();
    assert!(
        message.contains(&gone.to_string()) && message.contains(&root.to_string()),
        "{message}"
    );
    assert_eq!(read_range(&store, &root, 0, 50).await.unwrap(), content[..50]);
    assert_eq!(read_range(&store, &root, 60, 40).await.unwrap(), content[60..]);
    assert_eq!(refusal(&store, &gone).await.0, ErrorKind::NotFound);
    assert_eq!(store.file_size(&gone).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_block_that_was_damaged_where_it_is_stored_is_not_given_out() {
    let store = empty().await;
    let content = content(Some("damage"), 100);
    let root = add(&store, &content, &AddOptions::v1().chunk_len(10)).await.cid;
    let third = *Block::new(RAW, content[20..30].to_vec()).cid();
    let name = data_encoding::BASE32_NOPAD.encode(&third.hash().to_bytes());
    let key: Key = format!("/blocks/{name}").parse().unwrap();
    store.datastore().put(&key, content[30..40].to_vec()).await.unwrap();
    let parts: Vec<_> = store.read_file(&root).collect().await;
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[2].as_ref().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_tree_that_expands_without_end_to_nothing_ends() {
    let empty_leaf = leaf("");
    let mut blocks = vec![file_node(b"", &[(*empty_leaf.cid(), 0)])];
    for _ in 0..60 {
        let below = (*blocks.last().unwrap().cid(), 0);
        blocks.push(file_node(b"", &[below; 174]));
    }
    blocks.push(file_node(b"data", &[(*blocks.last().unwrap().cid(), 0)]));
    let root = *blocks.last().unwrap().cid();
    let all: Vec<&Block> = blocks.iter().collect();
    let store = store(&all).await;
    assert_eq!(read(&store, &root).await.unwrap(), b"data");
}

#[tokio::test]
async fn a_tree_of_few_blocks_is_read_where_it_is_asked_for_at_any_size() {
    // 2^60 bytes in 61 blocks.
    let mut blocks = vec![leaf("x")];
    for level in 0..60 {
        let below = (*blocks.last().unwrap().cid(), 1 << level);
        blocks.push(file_node(b"", &[below; 2]));
    }
    let root = *blocks.last().unwrap().cid();
    let all: Vec<&Block> = blocks.iter().collect();
    let store = store(&all).await;
    assert_eq!(store.file_size(&root).await.unwrap(), 1 << 60);
    assert_eq!(read_range(&store, &root, (1 << 59) - 5, 10).await.unwrap(), b"xxxxxxxxxx");
    assert_eq!(read_range(&store, &root, (1 << 60) - 3, 10).await.unwrap(), b"xxx");
}

#[tokio::test]
async fn a_tree_of_too_many_levels_is_unsupported() {
    let mut blocks = vec![leaf("x")];
    for _ in 0..130 {
        let below = (*blocks.last().unwrap().cid(), 1);
        blocks.push(file_node(b"", &[below]));
    }
    let all: Vec<&Block> = blocks.iter().collect();
    let store = store(&all).await;
    assert_eq!(read(&store, blocks[128].cid()).await.unwrap(), b"x");
    let (kind, message) = refusal(&store, blocks[129].cid()).await;
    assert_eq!(kind, ErrorKind::Unsupported, "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_bytes_make_reading_panic_or_give_more_than_was_said(
        at: prop::sample::Index,
        byte: u8,
        noise in proptest::collection::vec(any::<u8>(), 0..60),
        noisy: bool,
    ) {
        let part = leaf("part");
        let mut node = file_node(b"data", &[(*part.cid(), 4), (*part.cid(), 4)]).data().to_vec();
        let at = at.index(node.len());
        node[at] = byte;
        let root = Block::new(DAG_PB, if noisy { bytes_field(1, &noise) } else { node });
        futures::executor::block_on(async {
            let store = store(&[&part, &root]).await;
            let size = store.file_size(root.cid()).await;
            match read(&store, root.cid()).await {
                Ok(found) => assert_eq!(found.len() as u64, size.unwrap()),
                Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error}"),
            }
        });
    }
}
