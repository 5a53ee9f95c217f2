use bytes::Bytes;
use datastore::{ErrorKind, Expiry};
use libp2p_identity::{Keypair, PeerId, PublicKey};
use sha2::{Digest, Sha256};

use super::{KeyRow, PrivateKeyRow, inline_key, matches};
use crate::cbor::{Encoder, Flaw};
use crate::row::Row;
use crate::session::Session;

const SESSION: Session = Session { id: 1, began: Expiry::NEVER };

/// What go-libp2p writes of a private key, of each kind, with the peer id that it says.
fn keys_of_go() -> Vec<(String, PeerId, Vec<u8>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/go/envelopes.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let first = |kind: &str| {
        let case = file["cases"].as_array().unwrap().iter();
        let case = case.clone().find(|case| case["key_type"] == kind).unwrap();
        let text = |field: &str| case[field].as_str().unwrap();
        let key = data_encoding::HEXLOWER.decode(text("private_key").as_bytes()).unwrap();
        (kind.to_owned(), text("peer_id").parse().unwrap(), key)
    };
    ["ed25519", "secp256k1", "ecdsa", "rsa-2048"].map(first).to_vec()
}

fn ed25519(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

/// The id that the peer of a key had when ids were hashes of all keys.
fn hashed_id(key: &PublicKey) -> PeerId {
    let hash = Sha256::digest(key.encode_protobuf());
    PeerId::from_bytes(&[&[0x12, 32], &hash[..]].concat()).unwrap()
}

fn row_of(key: &[u8]) -> Vec<u8> {
    let mut row = Encoder::row(1);
    row.uint(1);
    row.bytes(key);
    row.finish()
}

#[test]
fn an_id_holds_the_keys_that_are_short() {
    for (kind, peer, private) in keys_of_go() {
        let key = Keypair::from_protobuf_encoding(&private).unwrap().public();
        let short = ["ed25519", "secp256k1"].contains(&&kind[..]);
        assert_eq!(inline_key(&peer), short.then_some(key), "{kind}");
    }
}

#[test]
fn an_id_that_holds_more_than_a_key_holds_none() {
    let key = ed25519(1).public().encode_protobuf();
    for digest in [[&key[..], &[0x18, 0]].concat(), key[..35].to_vec(), b"no key".to_vec()] {
        let id = [&[0, digest.len() as u8], &digest[..]].concat();
        assert_eq!(inline_key(&PeerId::from_bytes(&id).unwrap()), None);
    }
}

#[test]
fn a_key_is_its_peer_s_and_nobody_else_s() {
    let keys = keys_of_go();
    for (kind, peer, _) in &keys {
        for (other, _, private) in &keys {
            let key = Keypair::from_protobuf_encoding(private).unwrap().public();
            assert_eq!(matches(peer, &key), kind == other, "{kind}, {other}");
        }
    }
}

#[test]
fn an_ed25519_key_is_that_of_its_old_id_too() {
    let key = ed25519(1).public();
    let old = hashed_id(&key);
    assert!(old.to_base58().starts_with("Qm"));
    assert!(matches(&old, &key));
    assert!(!matches(&old, &ed25519(2).public()));
    assert_eq!(inline_key(&old), None);
}

#[test]
fn a_hash_that_was_cut_is_of_no_key() {
    let key = ed25519(1).public();
    let hash = Sha256::digest(key.encode_protobuf());
    for len in [0, 31] {
        let id = [&[0x12, len as u8], &hash[..len]].concat();
        assert!(!matches(&PeerId::from_bytes(&id).unwrap(), &key), "{len}");
    }
}

#[test]
fn a_public_key_is_stored_unless_the_id_holds_it() {
    for (kind, peer, private) in keys_of_go() {
        let key = Keypair::from_protobuf_encoding(&private).unwrap().public();
        let row = KeyRow::new(&peer, key.clone()).unwrap();
        assert_eq!(row.is_empty(), inline_key(&peer).is_some(), "{kind}");
        let old = hashed_id(&key);
        let row = KeyRow::new(&old, key.clone()).unwrap();
        assert_eq!(row.key(), Some(&key), "{kind}");
        assert_eq!(KeyRow::decode(&row.encode(), &old, &SESSION), Ok(row), "{kind}");
    }
}

#[test]
fn the_row_of_a_public_key_is_a_map_with_its_protobuf() {
    let key = ed25519(1).public();
    let row = KeyRow::new(&hashed_id(&key), key.clone()).unwrap();
    // {0: 1, 1: h'…'}, with 36 bytes of it.
    let golden = [&[0xa2, 0, 1, 1, 0x58, 36], &key.encode_protobuf()[..]].concat();
    assert_eq!(row.encode(), golden);
}

#[test]
fn another_s_public_key_is_refused_when_it_comes_and_when_it_is_read() {
    let (key, other) = (ed25519(1).public(), ed25519(2).public());
    let peer = hashed_id(&key);
    let refused = KeyRow::new(&peer, other.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    for damaged in [row_of(&other.encode_protobuf()), row_of(b"no key"), Encoder::row(0).finish()] {
        let read = KeyRow::decode(&damaged, &peer, &SESSION);
        assert!(matches!(read, Err(Flaw::Damaged(_))), "{read:?}");
    }
}

#[test]
fn fields_of_a_later_release_are_skipped() {
    let key = ed25519(1);
    let mut row = Encoder::row(3);
    row.uint(7);
    row.text("later");
    row.uint(1);
    row.bytes(&key.public().encode_protobuf());
    row.uint(8);
    row.uint(8);
    let peer = hashed_id(&key.public());
    let row = KeyRow::decode(&row.finish(), &peer, &SESSION).unwrap();
    assert_eq!(row.key(), Some(&key.public()));
}

#[test]
fn private_keys_of_go_come_back_as_they_were() {
    for (kind, peer, private) in keys_of_go() {
        let row = PrivateKeyRow::from_protobuf(&peer, &private).unwrap();
        let row = PrivateKeyRow::decode(&row.encode(), &peer, &SESSION).unwrap();
        assert_eq!(row.protobuf(), Some(&Bytes::from(private)), "{kind}");
        assert_eq!(row.keypair().unwrap().public().to_peer_id(), peer, "{kind}");
    }
}

#[test]
fn a_key_pair_is_stored_if_it_can_be_encoded() {
    for (kind, peer, private) in keys_of_go() {
        let keypair = Keypair::from_protobuf_encoding(&private).unwrap();
        let row = PrivateKeyRow::new(&peer, &keypair);
        if kind == "rsa-2048" {
            assert_eq!(row.unwrap_err().kind(), ErrorKind::Unsupported);
            continue;
        }
        let row = PrivateKeyRow::decode(&row.unwrap().encode(), &peer, &SESSION).unwrap();
        let read = row.keypair().unwrap().to_protobuf_encoding();
        assert_eq!(read.unwrap(), keypair.to_protobuf_encoding().unwrap(), "{kind}");
    }
}

#[test]
fn another_s_private_key_is_refused_when_it_comes_and_when_it_is_read() {
    let (peer, other) = (ed25519(1).public().to_peer_id(), ed25519(2));
    let encoded = other.to_protobuf_encoding().unwrap();
    let refused = PrivateKeyRow::new(&peer, &other).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    for key in [&encoded[..], b"no key"] {
        let refused = PrivateKeyRow::from_protobuf(&peer, key).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let read = PrivateKeyRow::decode(&row_of(key), &peer, &SESSION);
        assert!(matches!(read, Err(Flaw::Damaged(_))), "{read:?}");
    }
}

#[test]
fn neither_debug_nor_an_error_shows_a_private_key() {
    for (kind, peer, private) in keys_of_go() {
        let row = PrivateKeyRow::from_protobuf(&peer, &private).unwrap();
        assert_eq!(format!("{row:?}"), format!("PrivateKeyRow(Some({peer:?}))"), "{kind}");
        let other = PeerId::from_bytes(&[0, 1, 0]).unwrap();
        let cut = &private[..private.len() - 1];
        for refused in [
            PrivateKeyRow::from_protobuf(&other, &private).unwrap_err(),
            PrivateKeyRow::from_protobuf(&peer, cut).unwrap_err(),
        ] {
            let fixed =
                ["the private key cannot be read", "the private key is not that of the peer"];
            let text = refused.to_string().replace(&format!(" {other}"), "");
            assert!(fixed.iter().any(|fixed| text.ends_with(fixed)), "{kind}: {text}");
            assert!(std::error::Error::source(&refused).is_none());
        }
    }
}
