//! Whose a row is, and what several rows say together.

use data_encoding::BASE32_NOPAD;
use libp2p_identity::Keypair;
use peerstore::MetadataValue;
use peerstore::interop::{
    Flavour, ImportedPeer, ImportedValue, Importer, SkipReason, read_row, to_go,
};
use sha2::{Digest, Sha256};

use super::fixture::{at_secs, by_peer, import, load, rows};

const GO: &str = "AASAQAISEAIZYN7PQD7V5OZMJIG6UDWFO63I76B3ZOXTHAVFW56YXTJGL5RAK";
const JS: &str = "bafzaajaiaejcag72w3fdc4hnphxebnm2cac2zc47yhjmsjtzuq7gjs6ifd7wzoqy";

#[test]
fn rows_of_go_and_js_below_one_prefix_are_told_apart_by_the_form_of_the_id() {
    for (key, flavour) in [
        (format!("/peers/addrs/{GO}"), Some(Flavour::Go)),
        (format!("/peers/addrs/{JS}"), Some(Flavour::Js)),
        (format!("/peers/keys/{GO}/pub"), Some(Flavour::Go)),
        (format!("/peers/keys/{GO}/priv"), Some(Flavour::Go)),
        (format!("/peers/keys/{GO}"), None),
        (format!("/peers/keys/{JS}"), Some(Flavour::Js)),
        (format!("/peers/keys/{JS}/pub"), None),
        (format!("/peers/metadata/{GO}/a/b"), Some(Flavour::Go)),
        (format!("/peers/metadata/{JS}/a/b"), Some(Flavour::Js)),
        (format!("/peers/metadata/{JS}"), None),
        (format!("/peers/protos/{JS}"), Some(Flavour::Js)),
        (format!("/peers/protos/{GO}"), None),
        (format!("/peers/{JS}"), Some(Flavour::Js)),
        (format!("/peers/{GO}"), None),
        (format!("/peers/{}", JS.to_uppercase()), None),
        (format!("/peers/gc/addrs/1767225619/{GO}"), Some(Flavour::Go)),
        (format!("/peers/gc/{GO}"), None),
        ("/peers/addrs".to_owned(), None),
        ("/peers/".to_owned(), None),
        ("/blocks/CIQA".to_owned(), None),
        ("addr:".to_owned(), None),
        ("local_record".to_owned(), Some(Flavour::Py)),
        (String::new(), None),
    ] {
        assert_eq!(Flavour::of(key.as_bytes()), flavour, "{key}");
    }
}

#[test]
fn all_rows_of_all_implementations_in_one_store_are_read() {
    let go = rows(&load("go/pstoreds.json")["entries"]);
    let js = rows(&load("js/peerstore.json")["rows"]);
    let books = rows(&load("js/peerstore.books-0.35.json")["rows"]);
    let mut mixed = [go.clone(), js.clone(), books.clone()].concat();
    mixed.sort();
    let mixed = import(&mixed);
    let apart: Vec<_> = [go, js, books].iter().map(import).collect();
    assert_eq!(mixed.skipped.len(), apart[0].skipped.len());
    for imported in &apart {
        for peer in &imported.peers {
            assert!(mixed.peers.contains(peer), "{}", peer.peer);
        }
    }
}

#[test]
fn rows_of_one_peer_add_up_in_any_order() {
    let rows = rows(&load("go/pstoreds.json")["entries"]);
    let forwards = import(&rows);
    let backwards = import(&rows.into_iter().rev().collect());
    assert_eq!(forwards.peers.len(), backwards.peers.len());
    for (mut one, mut other) in forwards.peers.into_iter().zip(backwards.peers) {
        one.metadata.sort_by(|a, b| a.0.cmp(&b.0));
        other.metadata.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(one, other);
    }
}

#[test]
fn of_two_envelopes_the_one_with_the_higher_claim_stays() {
    let fixture = load("go/pstoreds.damaged.json");
    let cases = fixture["cases"].as_array().unwrap();
    let of = |name: &str| {
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        import(&rows(&case["entries"])).peers.remove(0)
    };
    let (low, high) = (of("certified-good"), of("certified-seq-disagrees"));
    for (mut first, second) in [(low.clone(), high.clone()), (high.clone(), low)] {
        first.merge(second);
        assert_eq!(first.envelope, high.envelope);
        assert_eq!(first.addresses.len(), 6);
    }
}

#[test]
fn of_two_entries_of_one_name_the_last_stays() {
    // metadata { a: 1 }, { b: 2 }, { a: 3 }; tags { t: 4 }, { t: 5 }; protocols x, y, x.
    let row = b"\x12\x01x\x12\x01y\x12\x01x\x32\x06\x0a\x01a\x12\x01\x01\x32\x06\x0a\x01b\x12\x01\x02\
        \x32\x06\x0a\x01a\x12\x01\x03\x3a\x07\x0a\x01t\x12\x02\x08\x04\x3a\x07\x0a\x01t\x12\x02\x08\x05\x40\x01";
    let peer = read_row(format!("/peers/{JS}").as_bytes(), row).peer.unwrap();
    let bytes = |byte: u8| ImportedValue::Bytes(vec![byte].into());
    assert_eq!(peer.metadata, [("b".to_owned(), bytes(2)), ("a".to_owned(), bytes(3))]);
    assert_eq!(peer.tags.iter().map(|tag| tag.value).collect::<Vec<_>>(), [5]);
    assert_eq!(peer.protocols, ["x", "y"]);
    let mut merged = peer.clone();
    merged.merge(peer.clone());
    assert_eq!(merged, peer);
}

#[test]
fn tags_of_the_first_flat_rows_lie_in_their_metadata() {
    // Metadata "tags": Tags { tags: [{ name: "a", value: 7, expiry: 1000 }, { name: "b" }] }
    let list = b"\x0a\x08\x0a\x01a\x10\x07\x18\xe8\x07\x0a\x03\x0a\x01b";
    let mut row = vec![0x1a, 6 + 2 + list.len() as u8];
    row.extend_from_slice(b"\x0a\x04tags\x12");
    row.push(list.len() as u8);
    row.extend_from_slice(list);
    let peer = read_row(format!("/peers/{JS}").as_bytes(), &row).peer.unwrap();
    assert_eq!(peer.metadata, []);
    let tags: Vec<_> = peer
        .tags
        .iter()
        .map(|tag| (tag.name.as_str(), tag.value, tag.expiry.as_millis()))
        .collect();
    assert_eq!(tags, [("a", 7, 1000), ("b", 0, u64::MAX)]);
}

#[test]
fn protocols_of_older_releases_of_go_are_strings() {
    let (_, value) = rows(&load("go/pstoreds.json")["entries"])
        .into_iter()
        .find(|(key, _)| key.ends_with(b"/protocols"))
        .unwrap();
    let older = as_older_go_wrote(&value);
    let key = format!("/peers/metadata/{GO}/protocols");
    let peers = [&value, &older].map(|value| read_row(key.as_bytes(), value).peer.unwrap());
    assert_eq!(peers[0].protocols, ["/floodsub/1.0.0"]);
    assert_eq!(peers[0], peers[1]);
}

/// A set of protocols, of `map[string]struct {}`.
fn as_older_go_wrote(value: &[u8]) -> Vec<u8> {
    let now = b"map[protocol.ID]struct {}";
    let mut older = vec![value[0] - 5, value[1], value[2], value[3] - 5];
    older.extend_from_slice(b"map[string]struct {}");
    older.extend_from_slice(&value[4 + now.len()..]);
    older
}

#[test]
fn a_name_that_is_not_text_and_a_set_under_another_name_are_skipped() {
    let (_, set) = rows(&load("go/pstoreds.json")["entries"])
        .into_iter()
        .find(|(key, _)| key.ends_with(b"/protocols"))
        .unwrap();
    let key = format!("/peers/metadata/{GO}/other");
    let skipped = read_row(key.as_bytes(), &set).skipped;
    assert_eq!(skipped, [SkipReason::GoType("map[protocol.ID]struct {}".to_owned())]);
    let skipped = read_row(key.as_bytes(), &as_older_go_wrote(&set)).skipped;
    assert_eq!(skipped, [SkipReason::GoType("map[string]struct {}".to_owned())]);
    let mut key = format!("/peers/metadata/{GO}/").into_bytes();
    key.push(0xff);
    assert_eq!(read_row(&key, &set).skipped, [SkipReason::NotText("the name")]);
}

#[test]
fn an_ed25519_key_under_the_hash_of_it_is_the_peer_s() {
    let key = Keypair::generate_ed25519();
    let encoded = key.public().encode_protobuf();
    // The peer id that such keys had before ids held them: the multihash of SHA2-256.
    let id = [&[0x12, 0x20][..], &Sha256::digest(&encoded)].concat();
    let row = format!("/peers/keys/{}/pub", BASE32_NOPAD.encode(&id));
    let peer = read_row(row.as_bytes(), &encoded).peer.unwrap();
    assert_eq!((peer.peer.to_bytes(), peer.public_key), (id.clone(), Some(key.public())));
    let row = format!("/peers/keys/{}/priv", BASE32_NOPAD.encode(&id));
    let peer = read_row(row.as_bytes(), &key.to_protobuf_encoding().unwrap()).peer.unwrap();
    assert_eq!(peer.private_key.unwrap().keypair().public(), key.public());
}

/// go-libp2p's `UnmarshalEd25519PrivateKey` takes 96 bytes if the last 32 are those before them.
#[test]
fn an_ed25519_private_key_may_have_its_public_half_twice() {
    let key = Keypair::generate_ed25519();
    let once = key.to_protobuf_encoding().unwrap();
    let twice = [&[0x08, 0x01, 0x12, 0x60][..], &once[4..], &once[36..]].concat();
    let row =
        format!("/peers/keys/{}/priv", BASE32_NOPAD.encode(&key.public().to_peer_id().to_bytes()));
    let read = read_row(row.as_bytes(), &twice).peer.unwrap().private_key.unwrap();
    assert_eq!(read.keypair().public(), key.public());
    for broken in [99, 67] {
        let mut other = twice.clone();
        other[broken] ^= 1;
        let read = read_row(row.as_bytes(), &other);
        assert!(read.peer.is_none_or(|peer| peer.private_key.is_none()));
        assert_eq!(read.skipped.len(), 1);
    }
}

#[test]
fn debug_shows_nothing_of_a_private_key() {
    let imported = import(&rows(&load("go/pstoreds.json")["entries"]));
    let peers = by_peer(&imported);
    let keys: Vec<_> = peers.values().filter_map(|peer| peer.private_key.as_ref()).collect();
    assert_eq!(keys.len(), 3);
    for key in keys {
        assert_eq!(format!("{key:?}"), "ImportedPrivateKey { .. }");
    }
}

#[test]
fn values_of_every_kind_come_back_from_go() {
    let peer = Keypair::generate_ed25519().public().to_peer_id();
    for value in [
        ImportedValue::Bool(true),
        ImportedValue::Bool(false),
        ImportedValue::Int(i64::MIN),
        ImportedValue::Int(i64::MAX),
        ImportedValue::Int(-1),
        ImportedValue::Int(63),
        ImportedValue::Int(64),
        ImportedValue::Uint(0),
        ImportedValue::Uint(127),
        ImportedValue::Uint(128),
        ImportedValue::Uint(u64::MAX),
        ImportedValue::Float(0.0),
        ImportedValue::Float(-1.0e300),
        ImportedValue::Text(String::new()),
        ImportedValue::Text("ż ó".to_owned()),
        ImportedValue::Bytes(vec![7; 70_000].into()),
    ] {
        let mut one = ImportedPeer::new(peer);
        one.metadata.push(("name".to_owned(), value));
        let mut importer = Importer::new();
        importer
            .extend(to_go(&one, at_secs(0)).unwrap().rows.iter().map(|(k, v)| (k.as_bytes(), v)));
        assert_eq!(importer.finish().peers, [one]);
    }
}

#[test]
fn values_are_kept_by_a_peerstore_with_their_types() {
    for value in [
        ImportedValue::Bool(true),
        ImportedValue::Int(-7),
        ImportedValue::Int(i64::MAX),
        ImportedValue::Uint(u64::MAX),
        ImportedValue::Float(1.5),
        ImportedValue::Text("42".to_owned()),
        ImportedValue::Bytes(vec![1, 2].into()),
    ] {
        assert_eq!(ImportedValue::of(&value.to_metadata().unwrap()), value);
    }
    let seven = ImportedValue::Uint(7).to_metadata().unwrap();
    assert_eq!(ImportedValue::of(&seven), ImportedValue::Int(7));
    let other = MetadataValue::typed(&(1, 2)).unwrap();
    assert_eq!(ImportedValue::of(&other), ImportedValue::Other(other.as_bytes().clone()));
    assert_eq!(ImportedValue::of(&other).to_metadata().unwrap(), other);
}
