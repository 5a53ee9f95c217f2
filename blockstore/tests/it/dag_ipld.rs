//! The links of dag-cbor and dag-json, beside those that the codecs of ipld-core find.

use std::collections::BTreeMap;

use datastore_blocks::{Block, Cid, DAG_CBOR, DAG_JSON, RAW, links};
use ipld_core::codec::{Codec, Links};
use ipld_core::ipld::Ipld;
use proptest::prelude::*;
use serde_ipld_dagcbor::codec::DagCborCodec;
use serde_ipld_dagjson::codec::DagJsonCodec;

/// Any value, of integers as wide as both formats have them.
fn value() -> impl Strategy<Value = Ipld> {
    let leaf = prop_oneof![
        Just(Ipld::Null),
        any::<bool>().prop_map(Ipld::Bool),
        any::<i64>().prop_map(|number| Ipld::Integer(number.into())),
        (-1e9..1e9).prop_map(Ipld::Float),
        "[a-z/\"\\\\é]{0,6}".prop_map(Ipld::String),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(Ipld::Bytes),
        link().prop_map(Ipld::Link),
        link().prop_map(Ipld::Link),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Ipld::List),
            // A map of the key `/` is none in dag-json.
            proptest::collection::btree_map("[a-z]{0,3}", inner, 0..6).prop_map(Ipld::Map),
        ]
    })
}

fn link() -> impl Strategy<Value = Cid> {
    (any::<u8>(), any::<bool>()).prop_map(|(number, v0)| {
        let cid = *Block::new(RAW, vec![number]).cid();
        if v0 { Cid::new_v0(*cid.hash()).unwrap() } else { cid }
    })
}

fn ours(codec: u64, data: &[u8]) -> Vec<Cid> {
    links(Block::new(codec, data.to_vec()).cid(), data).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn the_links_of_any_value_are_those_that_ipld_core_finds(value in value()) {
        let cbor = DagCborCodec::encode_to_vec(&value).unwrap();
        prop_assert_eq!(ours(DAG_CBOR, &cbor), DagCborCodec::links(&cbor).unwrap().collect::<Vec<_>>());
        let json = DagJsonCodec::encode_to_vec(&value).unwrap();
        prop_assert_eq!(ours(DAG_JSON, &json), DagJsonCodec::links(&json).unwrap().collect::<Vec<_>>());
    }
}

#[test]
fn links_come_in_the_order_in_which_they_stand() {
    let cids: Vec<Cid> = (0..9_u8).map(|number| *Block::new(RAW, vec![number]).cid()).collect();
    let list = Ipld::List(cids.iter().copied().map(Ipld::Link).collect());
    let map = Ipld::Map(BTreeMap::from([("list".to_owned(), list)]));
    assert_eq!(ours(DAG_CBOR, &DagCborCodec::encode_to_vec(&map).unwrap()), cids);
    assert_eq!(ours(DAG_JSON, &DagJsonCodec::encode_to_vec(&map).unwrap()), cids);
}
