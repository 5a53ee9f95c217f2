//! Every operation that js-libp2p's peer store was given, done here: what each of them answers and tells, and what is
//! known of each peer in the end and at every later moment.
//!
//! js has one source of addresses, and a newer record takes the place of all of them: so whatever is said here is said
//! by [`AddressSource::Signed`], who is the source of records. Addresses live as long as js has them: those of the
//! node itself for ever. js's peer ids bring their public keys along, which here are said.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use libp2p_identity::{PeerId, PublicKey};
use multiaddr::Multiaddr;
use peerstore::{
    AddressSource, AddressTtl, Consumed, MetadataValue, Peer, PeerEvent, PeerEvents, PeerUpdate,
    VerifiedRecord,
};
use serde_json::Value;

use super::fixture::{at_millis, hex, load, sorted, text, texts, to_hex};
use crate::books::events::drain;
use crate::records::support::Differences;
use crate::support::{Open, World};

const NOT_AS_JS: [(&str, &str); 7] = [
    (
        "peer age",
        "js drops all of a peer hours after its last change; here who wants that forgets it",
    ),
    ("nothing", "js has peers of which nothing is known; here a peer is there while something is"),
    ("merged metadata", "js compares it with what it has just put it into, and tells nobody"),
    ("removal", "js tells nobody that a peer was removed"),
    ("own peer", "js is told who the node is; here it is who has sealed its own record"),
    (
        "record",
        "js keeps a record whose addresses have expired; here it ends with the last of them",
    ),
    ("twice", "js keeps an address with the peer's id at its end, and once more without"),
];

/// As [`NOT_AS_JS`], upon which no operation of our file comes.
const ELSEWHERE_NOT_AS_JS: [(&str, &str); 3] = [
    ("tags", "here subscribers are not told of tags"),
    ("expired", "js compares with addresses that have expired; here they were taken away before"),
    ("certified", "js believes that an address is certified; here it is if a record lists it"),
];

#[tokio::test]
async fn every_operation_answers_and_tells_what_js_does() {
    let expected = load("js/peerstore.expected.json");
    assert_eq!(list(&expected["operations"]).len(), 37);
    for world in World::all() {
        let mut differences = Differences::new(&NOT_AS_JS);
        replay(world, &expected, &mut differences).await;
        differences.finish();
    }
}

async fn replay(world: World, expected: &Value, differences: &mut Differences) {
    let open = world.open().await;
    let events = open.peers.events().unwrap();
    let mut replay =
        Replay { world, open, events, expected, differences, changed: BTreeMap::new() };
    for operation in list(&expected["operations"]) {
        replay.step(operation).await;
        replay.perform(operation).await;
    }
    for moment in [&expected["at_dump"]].into_iter().chain(list(&expected["later"])) {
        replay.step(moment).await;
        replay.compare(moment).await;
    }
    replay.open.close().await;
}

struct Replay<'e> {
    world: World,
    open: Open,
    events: PeerEvents,
    expected: &'e Value,
    differences: &'e mut Differences,
    /// When js wrote a peer last.
    changed: BTreeMap<PeerId, SystemTime>,
}

impl Replay<'_> {
    /// Sets the clock, and takes away what has ended by then.
    async fn step(&mut self, moment: &Value) {
        let now = at_millis(moment["now"].as_u64().unwrap());
        self.world.clock.set_now(now);
        self.open.peers.collect().await.unwrap();
        let peer_age = millis(&self.expected["max_peer_age_ms"]);
        let old = self.changed.iter().filter(|(_, changed)| **changed + peer_age < now);
        for peer in old.map(|(peer, _)| *peer).collect::<Vec<_>>() {
            let live = !self.open.peers.addresses().get(&peer).await.unwrap().is_empty();
            if live || self.is_own(&peer) {
                continue;
            }
            self.changed.remove(&peer);
            if self.open.peers.has(&peer).await.unwrap() {
                assert!(self.explain("peer age"));
                self.open.peers.forget(&peer).await.unwrap();
            }
        }
        drain(&mut self.events).await;
    }

    async fn perform(&mut self, operation: &Value) {
        let peer: PeerId = text(&operation["peer"]).parse().unwrap();
        let before = self.open.peers.peer(&peer).await.unwrap();
        let name = text(&operation["op"]);
        match &name[..] {
            "delete" if self.is_own(&peer) => assert!(self.explain("own peer")),
            "delete" => {
                let deleted = self.open.peers.forget(&peer).await;
                assert_eq!(deleted.is_ok(), operation["result"] == "ok", "{operation}");
                self.changed.remove(&peer);
                let told = drain(&mut self.events).await;
                assert!(self.explain("removal"));
                assert_eq!(told.len(), usize::from(before.is_some()), "{operation}");
                return;
            }
            "consumePeerRecord" => {
                let taken = self.consume(&peer, hex(&operation["data"])).await;
                assert_eq!(Value::from(taken), operation["result"], "{operation}");
                if taken {
                    self.changed.insert(peer, self.now());
                }
            }
            "merge" | "patch" | "save" => {
                let (peers, update) = (&self.open.peers, self.update(&peer, &operation["data"]));
                let done = match &name[..] {
                    "merge" => peers.merge(&peer, &update).await,
                    "patch" => peers.patch(&peer, &update).await,
                    _ => peers.save(&peer, &update).await,
                };
                assert_eq!(done.is_ok(), operation["result"] == "ok", "{operation}: {done:?}");
                if done.is_ok() {
                    self.changed.insert(peer, self.now());
                }
            }
            other => panic!("what is {other}?"),
        }
        let after = self.open.peers.peer(&peer).await.unwrap();
        let told = drain(&mut self.events).await;
        assert!(told.iter().all(|event| event.peer() == Some(&peer)), "{told:?}");
        self.compare_events(operation, before.as_ref(), after.as_ref(), &told);
    }

    /// Whether js says true of it as well: it is of this peer, and newer than what was known.
    async fn consume(&self, peer: &PeerId, envelope: Vec<u8>) -> bool {
        let ttl = self.ttl(peer);
        let consumed = self.open.peers.addresses().consume(envelope, ttl).await;
        let taken = consumed.is_ok_and(|consumed| consumed == Consumed::Accepted);
        if let Some(key) = self.key_beside(peer).filter(|_| taken) {
            self.open.peers.keys().set_public(peer, &key).await.unwrap();
        }
        taken
    }

    fn update(&self, peer: &PeerId, data: &Value) -> PeerUpdate {
        let ttl = self.ttl(peer);
        let mut update = PeerUpdate::new().ttl(ttl).source(AddressSource::Signed);
        let mut key = self.key_beside(peer);
        for (field, value) in data.as_object().unwrap() {
            update = match &field[..] {
                "multiaddrs" => update.addresses(list(value).iter().map(addr)),
                "addresses" => {
                    update.addresses(list(value).iter().map(|said| addr(&said["multiaddr"])))
                }
                "protocols" => update.protocols(texts(value)),
                "metadata" => value.as_object().unwrap().iter().fold(
                    update.no_metadata(),
                    |update, (name, value)| match value {
                        Value::Null => update.without_metadata(name),
                        value => update.metadata(name, MetadataValue::Bytes(hex(value).into())),
                    },
                ),
                "tags" => value.as_object().unwrap().iter().fold(
                    update.no_tags(),
                    |update, (name, tag)| {
                        let value = || tag.get("value").map_or(0, |value| value.as_u64().unwrap());
                        match tag {
                            Value::Null => update.without_tag(name),
                            tag => update.tag(
                                name,
                                u8::try_from(value()).unwrap_or(u8::MAX),
                                tag.get("ttl").map(millis),
                            ),
                        }
                    },
                ),
                "publicKey" => {
                    key = Some(public_key(value));
                    update
                }
                "peerRecordEnvelope" => update.record(VerifiedRecord::verify(hex(value)).unwrap()),
                other => panic!("what is {other}?"),
            };
        }
        match key {
            Some(key) => update.public_key(key),
            None => update,
        }
    }

    fn compare_events(
        &mut self,
        operation: &Value,
        before: Option<&Peer>,
        after: Option<&Peer>,
        told: &[PeerEvent],
    ) {
        let peer = text(&operation["peer"]);
        let discovered = matches!(told, [PeerEvent::Discovered { .. }, ..]);
        assert_eq!(discovered, before.is_none() && after.is_some(), "{operation}");
        let Some(js) = list(&operation["events"]).first() else {
            for event in told {
                let reason = match event {
                    PeerEvent::Metadata { .. } if operation["op"] == "merge" => "merged metadata",
                    PeerEvent::Addresses { .. } if operation["op"] == "merge" => "expired",
                    PeerEvent::Discovered { .. } => "nothing",
                    other => panic!("{operation} tells {other:?}"),
                };
                assert!(self.explain(reason), "{operation}");
            }
            return;
        };
        let own = text(&self.expected["self"]) == peer;
        assert_eq!(js["type"], if own { "self:peer:update" } else { "peer:update" });
        if told.is_empty() {
            let reason = match (before, after) {
                (None, None) => "nothing",
                (Some(before), Some(after)) if told_of(before) != told_of(after) => {
                    panic!("{operation} tells nobody")
                }
                (Some(before), Some(after)) if before.tags != after.tags => "tags",
                (Some(_), Some(_)) => "expired",
                _ => panic!("{operation} tells nobody that a peer came or went"),
            };
            assert!(self.explain(reason), "{operation}");
        } else if discovered && js["previous"] == true {
            assert!(self.explain("nothing"));
        } else {
            assert_eq!(discovered, js["previous"] == false, "{operation}: {told:?}");
        }
    }

    async fn compare(&mut self, moment: &Value) {
        let mut known = BTreeSet::new();
        for (id, answer) in moment["peers"].as_object().unwrap() {
            let peer: PeerId = id.parse().unwrap();
            let ours = self.open.peers.peer(&peer).await.unwrap();
            assert_eq!(self.open.peers.has(&peer).await.unwrap(), ours.is_some());
            // In full at the time of the dump, in short later.
            let full = answer.get("get").and_then(|answer| answer.get("ok"));
            let theirs = full.unwrap_or(answer);
            match (ours, answer["has"].as_bool().unwrap()) {
                (None, false) => {}
                (Some(ours), true) => {
                    self.compare_short(id, &ours, theirs);
                    if full.is_some() {
                        self.compare_rest(id, &ours, theirs);
                    }
                }
                (None, true) => {
                    assert!(["addresses", "protocols", "metadata", "tags"].iter().all(|field| {
                        theirs.get(field).is_none_or(|value| list(value).is_empty())
                    }));
                    assert!(self.explain("nothing"), "{id}");
                    known.insert(id.clone());
                }
                (Some(ours), false) => panic!("js does not know {ours:?}"),
            }
        }
        let ours: Vec<PeerId> = self.open.peers.peers().try_collect().await.unwrap();
        known.extend(ours.iter().filter(|peer| !self.is_own(peer)).map(PeerId::to_string));
        assert_eq!(known, texts(&moment["all"]).into_iter().collect());
    }

    /// Addresses and tags.
    fn compare_short(&mut self, id: &str, ours: &Peer, theirs: &Value) {
        let listed = list(&theirs["addresses"]);
        let of = |listed: &Value| text(listed.get("multiaddr").unwrap_or(listed));
        let once: BTreeSet<_> = listed.iter().map(of).collect();
        assert!(once.len() == listed.len() || self.explain("twice"), "{id}");
        let addresses: BTreeSet<_> =
            ours.addresses.iter().map(|address| address.addr().to_string()).collect();
        assert_eq!(addresses, once, "{id}");
        let tags = list(&theirs["tags"]);
        let name = |tag: &Value| text(tag.get("name").unwrap_or(tag));
        assert_eq!(
            ours.tags.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
            sorted(tags.iter().map(name).collect()),
            "{id}"
        );
    }

    /// What is answered in full.
    fn compare_rest(&mut self, id: &str, ours: &Peer, theirs: &Value) {
        let certified = |listed: &Value| listed["isCertified"] == true;
        let js: BTreeSet<_> = list(&theirs["addresses"])
            .iter()
            .filter(|listed| certified(listed))
            .map(|listed| hex(&listed["hex"]))
            .collect();
        let here = ours.addresses.iter().filter(|address| address.is_certified());
        let here: BTreeSet<_> = here.map(|address| address.addr().to_vec()).collect();
        let envelope = ours.record.as_ref().map(|record| to_hex(record.envelope()));
        let believed = here.is_empty() && theirs["peer_record_envelope"].is_null();
        assert!(here == js || believed && self.explain("certified"), "{id}");
        let ended = envelope.is_none() && here.is_empty();
        let same = envelope.as_deref() == theirs["peer_record_envelope"].as_str();
        assert!(same || ended && self.explain("record"), "{id}");

        for (name, tag) in &ours.tags {
            let js = list(&theirs["tags"]).iter().find(|js| js["name"] == **name).unwrap();
            assert_eq!(tag.value(), js["value"], "{id}");
            let expiry = js["expiry"].as_str().map(|expiry| expiry.parse::<u64>().unwrap());
            assert_eq!(tag.expiry().as_millis(), expiry.unwrap_or(u64::MAX), "{id}");
        }
        assert_eq!(ours.protocols, sorted(texts(&theirs["protocols"])), "{id}");
        let metadata = ours.metadata.iter();
        let metadata = metadata.map(|(name, value)| (name.clone(), to_hex(value.as_bytes())));
        let js = list(&theirs["metadata"]).iter().map(|entry| (text(&entry[0]), text(&entry[1])));
        assert_eq!(metadata.collect::<BTreeMap<_, _>>(), js.collect(), "{id}");
        let key = ours.public_key.as_ref().map(|key| to_hex(key.encode_protobuf()));
        assert_eq!(key.as_deref(), theirs["public_key"].as_str(), "{id}");
    }

    fn explain(&mut self, reason: &str) -> bool {
        let elsewhere = ELSEWHERE_NOT_AS_JS.iter().any(|(name, _)| *name == reason);
        elsewhere || self.differences.explain(reason)
    }

    fn is_own(&self, peer: &PeerId) -> bool {
        self.expected["self"] == peer.to_string()
    }

    fn ttl(&self, peer: &PeerId) -> AddressTtl {
        if self.is_own(peer) {
            AddressTtl::Permanent
        } else {
            millis(&self.expected["max_address_age_ms"]).into()
        }
    }

    /// The public key of an id that does not hold it.
    fn key_beside(&self, peer: &PeerId) -> Option<PublicKey> {
        let id = &self.expected["peer_ids"][peer.to_string()];
        (id["type"] == "RSA").then(|| public_key(&id["public_key"]))
    }

    fn now(&self) -> SystemTime {
        datastore::Clock::now(&self.world.clock)
    }
}

/// What subscribers are told of.
fn told_of(peer: &Peer) -> impl PartialEq {
    let addresses = peer.addresses.iter().map(|address| address.addr().clone());
    let addresses: BTreeSet<Multiaddr> = addresses.collect();
    let Peer { record, public_key, protocols, metadata, .. } = peer.clone();
    (addresses, record, public_key, protocols, metadata)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn addr(value: &Value) -> Multiaddr {
    text(value).parse().unwrap()
}

fn public_key(value: &Value) -> PublicKey {
    PublicKey::try_decode_protobuf(&hex(value)).unwrap()
}

fn millis(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().unwrap())
}
