//! The links of blocks, codec by codec, against nodes that are written by hand.

use cid::CidGeneric;
use datastore::ErrorKind;
use datastore_blocks::{
    Block, Cid, DAG_CBOR, DAG_JSON, DAG_PB, IDENTITY, LongCid, Multihash, PbLink, PbNode, RAW,
    links, long_links,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::unixfs_support::{bytes_field, link, number_field};

fn cid(name: &str) -> Cid {
    *Block::new(RAW, name.to_owned()).cid()
}

fn links_of(codec: u64, data: &[u8]) -> datastore::Result<Vec<Cid>> {
    links(Block::new(codec, data.to_vec()).cid(), data)
}

/// A link of dag-cbor: tag 42 around the bytes of the CID after a zero.
fn cbor_link<const S: usize>(cid: &CidGeneric<S>) -> Vec<u8> {
    let bytes = cid.to_bytes();
    let mut out = vec![0xd8, 42, 0x58, bytes.len() as u8 + 1, 0];
    out.extend(bytes);
    out
}

#[test]
fn links_of_dag_pb_are_those_of_the_node_in_its_order_and_as_often() {
    let (one, two) = (cid("one"), cid("two"));
    let v0 = Cid::new_v0(*two.hash()).unwrap();
    let run = [link(&two), link(&one), link(&v0), link(&two)].concat();
    let expected = [two, one, v0, two];
    assert_eq!(links_of(DAG_PB, &run).unwrap(), expected);
    let after = [run.clone(), bytes_field(1, b"data")].concat();
    assert_eq!(links_of(DAG_PB, &after).unwrap(), expected);
    let before = [bytes_field(1, b"data"), run].concat();
    assert_eq!(links_of(DAG_PB, &before).unwrap(), expected);
    assert_eq!(links_of(DAG_PB, b"").unwrap(), []);
}

#[test]
fn a_dag_pb_node_that_go_and_js_refuse_is_corrupt_and_named() {
    let one = cid("one");
    let hash = bytes_field(1, &one.to_bytes());
    let (name, size) = (bytes_field(2, b"a"), number_field(3, 5));
    let nodes = [
        ("links in two places", [link(&one), bytes_field(1, b"x"), link(&one)].concat()),
        ("data twice", [bytes_field(1, b"x"), bytes_field(1, b"y")].concat()),
        ("an unknown field", bytes_field(3, b"x")),
        ("data as a number", number_field(1, 5)),
        ("a link without a CID", bytes_field(2, &name)),
        ("a link of nothing", bytes_field(2, b"")),
        ("a name before the CID", bytes_field(2, &[name.clone(), hash.clone()].concat())),
        ("a size before the name", bytes_field(2, &[hash.clone(), size, name].concat())),
        ("two CIDs", bytes_field(2, &[hash.clone(), hash.clone()].concat())),
        ("half a CID", bytes_field(2, &bytes_field(1, &one.to_bytes()[..20]))),
        ("a link that ends within its length", link(&one)[..30].to_vec()),
        ("a length past the end", vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("a varint without an end", vec![0x0a; 1].into_iter().chain([0xff; 12]).collect()),
        ("a tag of 65 bits", [&[0x8a][..], &[0x80; 8], &[0x02, 0x01, b'x']].concat()),
        ("a group", vec![0x0b]),
        ("text", b"hello dag-pb".to_vec()),
    ];
    for (what, node) in nodes {
        let block = Block::new(DAG_PB, node);
        let error = links(block.cid(), block.data()).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
        assert!(error.to_string().contains(&block.cid().to_string()), "{what}: {error}");
    }
}

#[test]
fn links_of_dag_cbor_come_in_the_order_of_the_document_from_lists_and_maps() {
    let (one, two, three) = (cid("one"), cid("two"), cid("three"));
    // {"b": [1, {"x": one}], "a": two, "": [three, three]}: as the keys stand, sorted or not.
    let mut data = vec![0xa3, 0x61, b'b', 0x82, 0x01, 0xa1, 0x61, b'x'];
    data.extend(cbor_link(&one));
    data.extend([0x61, b'a']);
    data.extend(cbor_link(&two));
    data.extend([0x60, 0x82]);
    data.extend(cbor_link(&three));
    data.extend(cbor_link(&three));
    assert_eq!(links_of(DAG_CBOR, &data).unwrap(), [one, two, three, three]);
    assert_eq!(links_of(DAG_CBOR, &cbor_link(&one)).unwrap(), [one]);
    assert_eq!(links_of(DAG_CBOR, &[0xa0]).unwrap(), []);
    // Floats of 4 bytes and of 8, null, bytes that happen to be a CID.
    let mut data = vec![0x84, 0xfa, 0x3f, 0, 0, 0, 0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xf6];
    data.extend(&cbor_link(&one)[2..]);
    assert_eq!(links_of(DAG_CBOR, &data).unwrap(), []);
}

#[test]
fn dag_cbor_that_does_not_decode_is_corrupt_and_named() {
    let whole = cbor_link(&cid("one"));
    let documents = [
        ("nothing", Vec::new()),
        ("a list that ends early", vec![0x82, 0x01]),
        (
            "a long list that is not there",
            vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        (
            "long bytes that are not there",
            vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        ("another tag", vec![0xc1, 0x01]),
        ("a float of 2 bytes", vec![0xf9, 0x3e, 0x00]),
        ("a link without its zero", [&whole[..4], &[1], &whole[5..]].concat()),
        ("half a link", whole[..20].to_vec()),
        ("a key twice", b"\xa3\x61a\x00\x61b\x00\x61a\x00".to_vec()),
        ("a key twice within a list", b"\x81\xa2\x61a\x00\x61a\x00".to_vec()),
        ("a key that is no text", b"\xa1\x01\x00".to_vec()),
        ("a byte after the CID", [&whole[..3], &[whole[3] + 1], &whole[4..], &[7]].concat()),
        ("more after the end", vec![0xa0, 0xa0]),
    ];
    for (what, data) in documents {
        let block = Block::new(DAG_CBOR, data);
        let error = links(block.cid(), block.data()).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
        assert!(error.to_string().contains(&block.cid().to_string()), "{what}: {error}");
    }
}

#[test]
fn links_of_dag_json_come_in_the_order_of_the_document() {
    let (one, two) = (cid("one"), Cid::new_v0(*cid("two").hash()).unwrap());
    let data = format!(
        r#"{{"z": [{{"/": "{two}"}}, 1.5, null], "a": {{"/": {{"bytes": "AQID"}}}}, "m": {{"/": "{one}"}}}}"#
    );
    assert_eq!(links_of(DAG_JSON, data.as_bytes()).unwrap(), [two, one]);
    assert_eq!(links_of(DAG_JSON, b"[]").unwrap(), []);
    let slashes = format!(r#"{{"a": {{"b": 1, "/": {{"/": "{one}"}}}}, "/": "text"}}"#);
    assert_eq!(links_of(DAG_JSON, slashes.as_bytes()).unwrap(), [one], "not the first key");
    let documents = ["", "[", r#"{"/": "no CID"}"#, r#"{"/": 5}"#, "[] []", "\u{1}"];
    // A key may stand in a map and in one within it, and in one after it.
    let nested = br#"[{"b": {"a": 0, "b": {"b": 0}}, "a": 0}, {"a": 0, "b": 0}]"#;
    assert_eq!(links_of(DAG_JSON, nested).unwrap(), []);
    let twice = [r#"{"a": {"b": 0}, "b": 0, "a": 0}"#, r#"[{"a": 0, "\u0061": 0}]"#];
    for wrong in documents.into_iter().chain(twice) {
        let error = links_of(DAG_JSON, wrong.as_bytes()).expect_err(wrong);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{wrong}");
    }
}

#[test]
fn the_text_of_a_link_of_dag_json_is_a_cid_and_nothing_else() {
    let one = cid("one");
    let base58 = |cid: &[u8]| format!("z{}", cid::multibase::Base::Base58Btc.encode(cid));
    let bytes = one.to_bytes();
    let whole = format!(r#"{{"/": "{}"}}"#, base58(&bytes));
    assert_eq!(links_of(DAG_JSON, whole.as_bytes()).unwrap(), [one]);
    let texts = [
        base58(&[&bytes[..], &[7]].concat()),
        base58(&bytes[..20]),
        format!("/ipfs/{one}"),
        format!("see https://example.com/ipfs/{one}"),
        format!("{one}/ipfs/{one}"),
        format!("{one} "),
        String::new(),
    ];
    for text in texts {
        let error = links_of(DAG_JSON, format!(r#"{{"/": "{text}"}}"#).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
    }
}

#[test]
fn a_map_of_dag_json_whose_first_key_is_a_slash_is_a_link_or_bytes_or_corrupt() {
    let one = cid("one");
    assert_eq!(links_of(DAG_JSON, br#"{"/": {"bytes": ""}}"#).unwrap(), []);
    for map in [
        format!(r#"{{"/": "{one}", "a": 1}}"#),
        format!(r#"{{"/": {{"bytes": "AQID", "a": {{"/": "{one}"}}}}}}"#),
        r#"{"/": {"bytes": "AQID"}, "a": 1}"#.to_owned(),
        r#"{"/": {"bytes": "AQ=="}}"#.to_owned(),
        r#"{"/": {"bytes": 1}}"#.to_owned(),
        r#"{"/": {"a": "AQID"}}"#.to_owned(),
        r#"{"/": {}}"#.to_owned(),
    ] {
        assert_eq!(
            links_of(DAG_JSON, map.as_bytes()).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{map}"
        );
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow_of_the_stack() {
    let deep = 1_000_000;
    let lists = [vec![0x81; deep], vec![0x80]].concat();
    let maps: Vec<u8> = [0xa1, 0x60].repeat(deep).into_iter().chain([0xa0]).collect();
    let tags = [0xd8, 42].repeat(deep);
    for document in [lists, maps, tags] {
        assert_eq!(links_of(DAG_CBOR, &document).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    for document in ["[".repeat(deep), r#"{"a":"#.repeat(deep), r#"{"/":"#.repeat(deep)] {
        let error = links_of(DAG_JSON, document.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    let one = cid("one");
    let fair = [vec![0x81; 120], cbor_link(&one)].concat();
    assert_eq!(links_of(DAG_CBOR, &fair).unwrap(), [one]);
    let fair = format!(r#"{}{{"/": "{one}"}}{}"#, "[".repeat(120), "]".repeat(120));
    assert_eq!(links_of(DAG_JSON, fair.as_bytes()).unwrap(), [one]);
}

#[test]
fn codecs_of_leaves_have_no_links_whatever_they_hold() {
    let data = cbor_link(&cid("one"));
    for codec in [RAW, 0x51, 0x0200, 0x72] {
        assert_eq!(links_of(codec, &data).unwrap(), []);
    }
}

#[test]
fn another_codec_is_unsupported_and_named_with_the_cid() {
    let block = Block::new(0x78, "a git object");
    let error = links(block.cid(), block.data()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let message = error.to_string();
    assert!(message.contains("0x78") && message.contains(&block.cid().to_string()), "{message}");
}

#[test]
fn an_identity_cid_has_the_links_of_what_it_holds() {
    let one = cid("one");
    let block =
        Block::with_hash(DAG_CBOR, IDENTITY, [vec![0x81], cbor_link(&one)].concat()).unwrap();
    assert_eq!(links(block.cid(), block.data()).unwrap(), [one]);
}

#[test]
fn an_identity_link_of_up_to_128_bytes_stands_for_the_links_that_it_holds() {
    let long =
        |codec, data: &[u8]| LongCid::new_v1(codec, Multihash::wrap(IDENTITY, data).unwrap());
    let (one, two) = (cid("one"), cid("two"));
    // A list of a link and 40 bytes of text.
    let inner = [vec![0x82], cbor_link(&two), vec![0x78, 40], vec![b'x'; 40]].concat();
    for len in [65, 128] {
        let leaf = long(RAW, &vec![7; len]);
        let node = long(DAG_CBOR, &inner);
        let cbor = [vec![0x83], cbor_link(&leaf), cbor_link(&one), cbor_link(&node)].concat();
        assert_eq!(links_of(DAG_CBOR, &cbor).unwrap(), [one, two]);
        let pb = [link(&node), link(&leaf), link(&one)].concat();
        assert_eq!(links_of(DAG_PB, &pb).unwrap(), [two, one]);
        let json = format!(r#"[{{"/": "{leaf}"}}, {{"/": "{node}"}}, {{"/": "{one}"}}]"#);
        assert_eq!(links_of(DAG_JSON, json.as_bytes()).unwrap(), [two, one]);
        assert_eq!(PbNode::decode(&pb).unwrap_err().kind(), ErrorKind::Corrupt);
        let themselves =
            |codec, data: &[u8]| long_links(Block::new(codec, data.to_vec()).cid(), data).unwrap();
        let one = LongCid::try_from(one.to_bytes()).unwrap();
        assert_eq!(themselves(DAG_CBOR, &cbor), [leaf, one, node]);
        assert_eq!(themselves(DAG_PB, &pb), [node, leaf, one]);
        let decoded = PbNode::decode_long(&pb).unwrap().links;
        assert_eq!(decoded.iter().map(|link| link.cid).collect::<Vec<_>>()[..2], [node, leaf]);
    }
    let unknown = long(0x78, &[7; 65]);
    let error = links_of(DAG_PB, &link(&unknown)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let themselves = long_links(Block::new(DAG_PB, link(&unknown)).cid(), &link(&unknown));
    assert_eq!(themselves.unwrap(), [unknown]);
    assert!(error.to_string().contains(&unknown.to_string()), "{error}");
    let broken = links_of(DAG_PB, &link(&long(DAG_CBOR, &[0xff; 65]))).unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_link_that_is_longer_than_any_cid_here_is_corrupt() {
    // More of the identity than anybody takes, and a digest of BLAKE3 that no CID has room for.
    let identity = [&[1, 0x55, 0, 0x81, 1][..], &[7; 129]].concat();
    let digest = [&[1, 0x55, 0x1e, 65][..], &[7; 65]].concat();
    for cid in [identity, digest] {
        let in_pb = bytes_field(2, &bytes_field(1, &cid));
        let in_cbor = [&[0xd8, 42, 0x58, cid.len() as u8 + 1, 0][..], &cid].concat();
        for (codec, block) in [(DAG_PB, in_pb), (DAG_CBOR, in_cbor)] {
            assert_eq!(links_of(codec, &block).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}

#[test]
fn a_link_whose_codec_or_hash_function_takes_a_varint_of_10_bytes_is_corrupt() {
    let of = |codec, hash| Cid::new_v1(codec, Multihash::wrap(hash, &[7; 32]).unwrap());
    let blocks = |cid: Cid| {
        let json = format!(r#"{{"/": "{cid}"}}"#).into_bytes();
        [(DAG_PB, link(&cid)), (DAG_CBOR, cbor_link(&cid)), (DAG_JSON, json)]
    };
    let most = (1 << 63) - 1;
    for (codec, block) in blocks(of(most, most)) {
        assert_eq!(links_of(codec, &block).unwrap(), [of(most, most)]);
    }
    for cid in [of(1 << 63, 0x12), of(u64::MAX, 0x12), of(RAW, 1 << 63), of(RAW, u64::MAX)] {
        for (codec, block) in blocks(cid) {
            let error = links_of(codec, &block).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("2^63"), "{error}");
        }
    }
}

#[test]
fn links_of_the_blocks_that_go_stored() {
    let text = include_str!("../fixtures/go/blocks.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    let mut codecs = Vec::new();
    for block in fixture["blocks"].as_array().unwrap() {
        let cid: Cid = block["cid"].as_str().unwrap().parse().unwrap();
        let data = data_encoding::HEXLOWER.decode(block["data"].as_str().unwrap().as_bytes());
        match (cid.codec(), links(&cid, &data.unwrap())) {
            (RAW | DAG_CBOR, found) => assert_eq!(found.unwrap(), [], "{cid}"),
            // Random bytes and text under the codec of nodes: go stores them, and cannot read them.
            (DAG_PB, found) => assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt, "{cid}"),
            (other, _) => panic!("{other:#x}"),
        }
        codecs.push(cid.codec());
    }
    assert!(codecs.contains(&DAG_PB) && codecs.contains(&DAG_CBOR), "{codecs:?}");
}

#[test]
fn a_node_is_written_with_its_links_before_its_data() {
    let one = cid("one");
    let node = PbNode {
        links: vec![PbLink { cid: one, name: Some(b""), tsize: Some(7) }],
        data: Some(b"data"),
    };
    let written = [link(&one), bytes_field(1, b"data")].concat();
    assert_eq!(node.encode(), written);
    assert_eq!(PbNode::decode(&written).unwrap(), node);
    // A length in more bytes than it needs, which go reads too.
    assert_eq!(PbNode::decode(b"\x0a\x81\x80\x00x").unwrap().data, Some(&b"x"[..]));
    assert_eq!(PbNode::decode(b"\x0a").unwrap_err().kind(), ErrorKind::Corrupt);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_node_comes_back_as_it_was_written(
        names in proptest::collection::vec(
            (proptest::option::of("[a-c]{0,3}"), proptest::option::of(any::<u64>())), 0..8),
        data in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
    ) {
        let link = |(name, tsize): &(Option<String>, Option<u64>)| (cid(&format!("{name:?}")), name.clone(), *tsize);
        let owned: Vec<_> = names.iter().map(link).collect();
        let links = owned.iter().map(|(cid, name, tsize)| PbLink {
            cid: *cid, name: name.as_ref().map(String::as_bytes), tsize: *tsize,
        });
        let node = PbNode { links: links.collect(), data: data.as_deref() };
        let written = node.encode();
        prop_assert_eq!(PbNode::decode(&written).unwrap(), node);
    }

    #[test]
    fn no_bytes_make_it_panic(
        mut data in proptest::collection::vec(any::<u8>(), 0..200),
        valid: bool,
        codec in prop_oneof![Just(DAG_PB), Just(DAG_CBOR), Just(DAG_JSON)],
        at: prop::sample::Index,
        byte: u8,
    ) {
        if valid {
            let one = cid("one");
            data = [vec![0x82], cbor_link(&one), cbor_link(&one)].concat();
            if codec == DAG_PB {
                data = [link(&one), link(&one), bytes_field(1, b"data")].concat();
            }
            let at = at.index(data.len());
            data[at] = byte;
        }
        match links_of(codec, &data) {
            Ok(found) => prop_assert!(found.len() <= data.len()),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Corrupt),
        }
    }
}
