//! Rows that go-libp2p did not write, and what becomes of each. Where we do not answer as its pstoreds,
//! the verdict says why; one that gives a reason and answers the same fails.

use serde_json::Value;

use super::fixture::{
    at_secs, import, live, load, public_key, rows, skipped, sorted, text, texts, to_hex,
};

/// What we make of a case.
struct Verdict {
    case: &'static str,
    live: usize,
    public: Public,
    /// The sequence that comes with the envelope.
    envelope: Option<u64>,
    skipped: &'static [&'static str],
    unlike_go: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Public {
    Stored,
    /// The key that the id holds.
    Inline,
}

const NOTHING: Verdict = Verdict {
    case: "",
    live: 0,
    public: Public::Inline,
    envelope: None,
    skipped: &[],
    unlike_go: None,
};

const VERDICTS: [Verdict; 26] = [
    Verdict { case: "control", live: 3, ..NOTHING },
    Verdict {
        case: "unparsable-address-among-good",
        live: 3,
        skipped: &["address ffff0701 cannot be read: unknown protocol id: 131071"],
        unlike_go: Some("one address that cannot be read hides no other"),
        ..NOTHING
    },
    Verdict {
        case: "empty-address-among-good",
        live: 3,
        skipped: &["address  cannot be read: it is empty"],
        unlike_go: Some("one address that cannot be read hides no other"),
        ..NOTHING
    },
    Verdict {
        case: "unsorted-expired-last",
        live: 3,
        unlike_go: Some("what has expired is not live, wherever it stands in the row"),
        ..NOTHING
    },
    Verdict { case: "expiry-zero", live: 3, ..NOTHING },
    Verdict { case: "expiry-negative", live: 3, ..NOTHING },
    Verdict { case: "ttl-zero", live: 1, ..NOTHING },
    Verdict { case: "duplicate-entries", live: 4, ..NOTHING },
    Verdict {
        case: "truncated-value",
        skipped: &[
            "the address record cannot be read: failed to decode Protobuf message: AddrBookRecord.addrs: buffer underflow",
        ],
        ..NOTHING
    },
    Verdict { case: "empty-value", ..NOTHING },
    Verdict {
        case: "id-of-another-peer",
        skipped: &["the row names another peer"],
        unlike_go: Some("the row says itself that it is not about this peer"),
        ..NOTHING
    },
    Verdict { case: "id-absent", live: 3, ..NOTHING },
    Verdict { case: "certified-broken-envelope", live: 3, envelope: Some(3), ..NOTHING },
    Verdict { case: "certified-good", live: 3, envelope: Some(3), ..NOTHING },
    Verdict { case: "certified-seq-disagrees", live: 3, envelope: Some(9), ..NOTHING },
    Verdict { case: "certified-no-addrs", envelope: Some(3), ..NOTHING },
    Verdict { case: "lower-case-key", skipped: &["no peer id is where one should be"], ..NOTHING },
    Verdict {
        case: "key-not-base32",
        live: 3,
        skipped: &["no peer id is where one should be"],
        ..NOTHING
    },
    Verdict {
        case: "key-one-level-deeper",
        skipped: &["not a row of a peerstore of go, js or py"],
        ..NOTHING
    },
    Verdict {
        case: "pub-of-another-peer",
        skipped: &["the key is not that of the peer"],
        unlike_go: Some("a stored key is held against the id"),
        ..NOTHING
    },
    Verdict {
        case: "pub-garbage",
        skipped: &["the public key cannot be read: "],
        unlike_go: Some("the id holds the key, whatever is stored beside it"),
        ..NOTHING
    },
    Verdict {
        case: "priv-garbage",
        skipped: &["the private key cannot be read: it is not one that libp2p has"],
        ..NOTHING
    },
    Verdict {
        case: "priv-of-another-peer",
        skipped: &["the key is not that of the peer"],
        unlike_go: Some("a stored key is held against the id"),
        ..NOTHING
    },
    Verdict {
        case: "metadata-garbage",
        skipped: &["the gob cannot be read: it is cut short"],
        ..NOTHING
    },
    Verdict {
        case: "metadata-empty-value",
        skipped: &["the gob cannot be read: it is cut short"],
        ..NOTHING
    },
    Verdict {
        case: "protocols-garbage",
        skipped: &["the gob cannot be read: it is cut short"],
        ..NOTHING
    },
];

#[test]
fn every_damaged_row_has_its_verdict() {
    let fixture = load("go/pstoreds.damaged.json");
    let now = at_secs(fixture["now_unix"].as_u64().unwrap());
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), VERDICTS.len());
    for case in cases {
        let name = text(&case["name"]);
        let verdict = VERDICTS.iter().find(|verdict| verdict.case == name);
        let verdict = verdict.unwrap_or_else(|| panic!("{name} has no verdict"));
        let imported = import(&rows(&case["entries"]));
        let reasons = skipped(&imported);
        assert_eq!(reasons.len(), verdict.skipped.len(), "{name}: {reasons:?}");
        for (reason, expected) in reasons.iter().zip(verdict.skipped) {
            assert!(reason.contains(expected), "{name}: {reason}");
        }
        let expected = &case["expected"];
        let peer =
            imported.peers.iter().find(|peer| peer.peer.to_string() == text(&expected["peer"]));
        let addrs = peer.map_or_else(Vec::new, |peer| live(peer, now));
        assert_eq!(addrs.len(), verdict.live, "{name}");
        let public = match peer.and_then(|peer| peer.public_key.as_ref()) {
            Some(_) => Public::Stored,
            None => Public::Inline,
        };
        assert!(public == verdict.public, "{name}");
        let private = peer.and_then(|peer| peer.private_key.as_ref());
        let envelope = peer.and_then(|peer| peer.envelope.as_ref());
        assert_eq!(envelope.and_then(|envelope| envelope.sequence), verdict.envelope, "{name}");
        assert_eq!(
            verdict.envelope.map(|seq| seq.to_string()).as_deref(),
            expected["peer_record_seq"].as_str()
        );

        let theirs = text(&expected["peer_record_envelope"]);
        let same = addrs == sorted(texts(&expected["addrs"]))
            && peer.map_or_else(|| inline(expected), public_key) == text(&expected["public_key"])
            && private.map_or_else(String::new, |key| to_hex(key.encoded())) == text(&expected["private_key"])
            // Go answers no record that it cannot verify, nor one without live addresses: that is for later here.
            && (theirs.is_empty() || envelope.map(|envelope| to_hex(&envelope.bytes)) == Some(theirs));
        assert_eq!(same, verdict.unlike_go.is_none(), "{name}");
    }
}

#[test]
fn an_envelope_that_was_tampered_with_is_handed_on_and_does_not_verify() {
    let fixture = load("go/pstoreds.damaged.json");
    for (name, sound) in [("certified-good", true), ("certified-broken-envelope", false)] {
        let cases = fixture["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let imported = import(&rows(&case["entries"]));
        let envelope = imported.peers[0].envelope.as_ref().unwrap();
        let record = libp2p_core::SignedEnvelope::from_protobuf_encoding(&envelope.bytes)
            .ok()
            .and_then(|signed| libp2p_core::PeerRecord::from_signed_envelope_interop(signed).ok());
        assert_eq!(record.is_some(), sound, "{name}");
    }
}

/// The key that the id of the cases' peer holds, also where nothing was taken in of the peer.
fn inline(expected: &Value) -> String {
    text(&expected["peer_bytes"])[4..].to_owned()
}
