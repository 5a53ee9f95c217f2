//! Rows that js-libp2p did not write, beside three that it did, and what becomes of each. Where we do
//! not answer as its peer store, the verdict says why; one that gives a reason and answers the same fails.

use peerstore::interop::ImportedPeer;
use serde_json::Value;

use super::fixture::{
    Rows, at_millis, by_peer, import, live, load, public_key, rows, skipped, sorted, text, texts,
    to_hex,
};
use super::js::{metadata, pairs};

const DAMAGED: &str = "the peer cannot be read: ";
const WRONG_KEY: &str = "the key is not that of the peer";
const NO_PEER: &str = "no peer id is where one should be";
const ONE_HIDES_ALL: &str = "one row that cannot be read hides no other";
const AGE_UNKNOWN: &str = "a row that does not say when it was written has not expired";

/// The case, how many live addresses the peer has, if it is there, what is skipped, and why we do not
/// answer as js, if we do not.
type Verdict = (&'static str, Option<usize>, Option<&'static str>, Option<&'static str>);

const VERDICTS: [Verdict; 18] = [
    ("value is garbage", None, Some(DAMAGED), Some(ONE_HIDES_ALL)),
    ("value is empty", Some(0), None, Some(AGE_UNKNOWN)),
    ("value is truncated by one byte", None, Some(DAMAGED), Some(ONE_HIDES_ALL)),
    ("value with an unknown field 15 behind", Some(2), None, None),
    (
        "an address with an unknown protocol among good ones",
        Some(2),
        Some("address ffff0f01 cannot be read: unknown protocol id: 262143"),
        Some("one address that cannot be read hides no other"),
    ),
    (
        "an address without the observed field",
        Some(3),
        None,
        Some("an address that does not say when it was seen has not expired"),
    ),
    ("an address observed in the future", Some(3), None, None),
    ("no updated field", Some(1), None, Some(AGE_UNKNOWN)),
    ("old field 3 (0.36 metadata) present", Some(2), None, None),
    ("public key of another peer in the row", Some(2), Some(WRONG_KEY), None),
    ("RSA peer, row without its public key", Some(1), None, None),
    (
        "RSA peer, row with the public key of another RSA peer",
        Some(1),
        Some(WRONG_KEY),
        Some("a stored key is held against the id"),
    ),
    (
        "RSA peer, row with an Ed25519 public key",
        Some(1),
        Some(WRONG_KEY),
        Some("a stored key never changes whose row it is"),
    ),
    (
        "a row of the books design in the same datastore (/peers/addrs/<cid>)",
        Some(1),
        None,
        Some("rows of all releases are read"),
    ),
    ("a key that is not a CID", None, Some(NO_PEER), Some(ONE_HIDES_ALL)),
    ("the peer id in base58 as key", None, Some(NO_PEER), Some(ONE_HIDES_ALL)),
    ("the CID in base36 as key", None, Some(NO_PEER), Some(ONE_HIDES_ALL)),
    (
        "a child key under the peer",
        None,
        Some("not a row of a peerstore of go, js or py"),
        Some("js lists a peer that it then does not find"),
    ),
];

#[test]
fn every_corrupt_row_has_its_verdict_and_the_good_ones_beside_it_stay() {
    let fixture = load("js/peerstore.corrupt.json");
    let now = at_millis(fixture["now"].as_u64().unwrap());
    let store = load("js/peerstore.json");
    let good: Vec<_> = rows(&store["rows"])
        .into_iter()
        .filter(|(key, _)| texts(&fixture["good_rows"]).iter().any(|good| good.as_bytes() == key))
        .collect();
    assert_eq!(good.len(), 3);
    let good_peers: Vec<_> = import(&good).peers;
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), VERDICTS.len());
    for case in cases {
        let name = text(&case["what"]);
        let verdict = VERDICTS.iter().find(|verdict| verdict.0 == name);
        let (_, addresses, reason, unlike_js) =
            verdict.unwrap_or_else(|| panic!("{name} has no verdict"));
        let mut all = good.clone();
        all.extend(rows(&case["rows"]).into_iter().map(|row| repaired(row, &good)));
        let imported = import(&all);
        let (there, others): (Vec<_>, Vec<_>) =
            imported.peers.iter().partition(|peer| good_peers.contains(peer));
        assert_eq!(there.len(), 3, "{name}");
        let peer = others.first();
        assert_eq!(peer.map(|peer| live(peer, now).len()), *addresses, "{name}");
        let reasons = skipped(&imported);
        assert_eq!(reasons.len(), usize::from(reason.is_some()), "{name}: {reasons:?}");
        for (found, expected) in reasons.iter().zip(reason) {
            assert!(found.contains(expected), "{name}: {found}");
        }
        let listed = by_peer(&imported).into_keys().collect();
        let same = same(peer.copied(), &case["get"], now)
            && case["all"].as_array().is_some()
            && sorted(listed) == sorted(texts(&case["all"]));
        assert_eq!(same, unlike_js.is_none(), "{name}");
    }
}

/// Some rows have an address whose length ends within a number. js reads past it, and answers as if the
/// length were right; here such a row is damaged, so what it is a case of is seen once it is repaired.
fn repaired((key, value): (Vec<u8>, Vec<u8>), good: &Rows) -> (Vec<u8>, Vec<u8>) {
    const SHORT: &[u8] =
        b"\x0a\x11\x0a\x08\x04\x01\x02\x03\x04\x06\x0f\xa1\x18\xff\xff\xff\xff\xff\xff\x03";
    let Some(at) = value.windows(SHORT.len()).position(|part| part == SHORT) else {
        return (key, value);
    };
    let mut rows = good.clone();
    rows.push((key.clone(), value.clone()));
    let imported = import(&rows);
    assert_eq!(imported.peers.len(), good.len());
    assert!(skipped(&imported)[0].contains(DAMAGED));
    let mut value = value;
    value[at + 1] += 1;
    (key, value)
}

/// Whether js answers the same of a peer.
fn same(peer: Option<&ImportedPeer>, answer: &Value, now: std::time::SystemTime) -> bool {
    let Some(peer) = peer else {
        return answer.is_string();
    };
    if answer.is_string() {
        return false;
    }
    let addresses = answer["addresses"].as_array().unwrap().iter();
    let addresses = addresses.map(|address| text(&address["multiaddr"])).collect();
    let envelope = peer.envelope.as_ref().map(|envelope| to_hex(&envelope.bytes));
    peer.peer.to_string() == text(&answer["peer_id"])
        && public_key(peer) == answer["public_key"].as_str().unwrap_or_default()
        && live(peer, now) == sorted(addresses)
        && peer.protocols == texts(&answer["protocols"])
        && metadata(peer) == pairs(&answer["metadata"])
        && envelope.as_deref() == answer["peer_record_envelope"].as_str()
}
