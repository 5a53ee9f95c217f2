//! Which multiaddrs are addresses: those that go-libp2p reads, in whatever way they come here.

use data_encoding::BASE32_NOPAD;
use multiaddr::{Multiaddr, Protocol};
use peerstore::interop::Importer;
use peerstore::{AddressTtl, VerifiedRecord, is_address_of};
use serde_json::Value;

use super::fixtures::{hex, json, list, text};
use super::support::{Differences, field, keypair, number_field};
use crate::support::World;

/// What Go takes for an address and we do not, or the other way round.
const DIFFERENCES: &[(&str, &str)] = &[
    ("dns/not UTF-8", "names are text to `multiaddr`"),
    ("dns4/not UTF-8", "names are text to `multiaddr`"),
    ("dns6/not UTF-8", "names are text to `multiaddr`"),
    ("dnsaddr/not UTF-8", "names are text to `multiaddr`"),
    ("sni/not UTF-8", "names are text to `multiaddr`"),
    ("p2p/identity of 43 bytes", "no id holds a key so long in rust-libp2p"),
    ("p2p/identity of 128 bytes", "no id holds a key so long in rust-libp2p"),
    ("certhash/sha-256 of 65 bytes", "`multiaddr` has room for 64"),
    ("certhash/sha-256 of 100 bytes", "`multiaddr` has room for 64"),
    ("code/plaintextv2", "`multiaddr` does not know it"),
    ("code/plaintextv2, first", "`multiaddr` does not know it"),
    ("code/p2p-webrtc-star", "Go does not know it"),
    ("code/p2p-webrtc-star, first", "Go does not know it"),
    ("code/p2p-stardust", "Go does not know it"),
    ("code/p2p-stardust, first", "Go does not know it"),
    ("code/p2p-websocket-star", "Go does not know it"),
    ("code/p2p-websocket-star, first", "Go does not know it"),
    ("code/ws with a path", "Go does not know it"),
    ("code/wss with a path", "Go does not know it"),
    ("unix/relative", "paths of Unix are not judged"),
    ("unix/root", "paths of Unix are not judged"),
    ("unix/ends with a slash", "paths of Unix are not judged"),
    ("unix/a letter alone", "paths of Unix are not judged"),
    ("unix/with more after it", "paths of Unix are not judged"),
    ("unix/with a peer after it", "paths of Unix are not judged"),
    ("unix/with a relay after it", "paths of Unix are not judged"),
];

struct Case {
    name: String,
    bytes: Vec<u8>,
    /// Whether it is an address here.
    is_one: bool,
}

fn cases(fixture: &Value) -> Vec<Case> {
    let mut differences = Differences::new(DIFFERENCES);
    let cases = list(&fixture["cases"]).iter().map(|case| {
        let name = text(&case["name"]).to_owned();
        let is_one = case["go"].is_string() != differences.explain(&name);
        Case { name, bytes: hex(&case["bytes"]), is_one }
    });
    let cases: Vec<_> = cases.collect();
    differences.finish();
    cases
}

fn of_cases(cases: &[Case], is_one: bool) -> Vec<Vec<u8>> {
    let chosen = cases.iter().filter(|case| case.is_one == is_one);
    chosen.map(|case| case.bytes.clone()).collect()
}

fn assert_same<'a>(taken: impl IntoIterator<Item = &'a Multiaddr>, cases: &[Case]) {
    let taken: Vec<_> = taken.into_iter().map(Multiaddr::to_vec).collect();
    for Case { name, bytes, is_one } in cases {
        assert_eq!(taken.contains(bytes), *is_one, "{name}: {bytes:?}");
    }
    assert_eq!(taken, of_cases(cases, true));
}

#[test]
fn a_record_has_the_addresses_that_go_reads_in_it() {
    let fixture = json("go/multiaddrs.json");
    let cases = cases(&fixture);
    assert_eq!(cases.len(), 176);
    let record = VerifiedRecord::verify(hex(&fixture["envelope"])).unwrap();
    assert_eq!(record.peer().to_string(), text(&fixture["peer_id"]));
    assert_same(record.addresses(), &cases);
    // What others would not read is not said to them.
    let parsed = cases.iter().filter_map(|case| Multiaddr::try_from(case.bytes.clone()).ok());
    let sealed = VerifiedRecord::seal(&keypair(1), 1, &parsed.collect::<Vec<_>>()).unwrap();
    assert_same(sealed.addresses(), &cases);
    assert_eq!(VerifiedRecord::verify(sealed.envelope().clone()), Ok(sealed));
}

#[test]
fn a_row_of_go_has_the_addresses_that_go_reads_in_it() {
    let cases = cases(&json("go/multiaddrs.json"));
    let peer = keypair(1).public().to_peer_id();
    let times = [number_field(2, 4_000_000_000), number_field(3, 3_600_000_000_000)].concat();
    let entries =
        cases.iter().map(|case| field(2, &[field(1, &case.bytes), times.clone()].concat()));
    let row: Vec<u8> = field(1, &peer.to_bytes()).into_iter().chain(entries.flatten()).collect();
    let mut importer = Importer::new();
    let key = format!("/peers/addrs/{}", BASE32_NOPAD.encode(&peer.to_bytes()));
    importer.push(key.as_bytes(), &row);
    let imported = importer.finish();
    assert_same(imported.peers[0].addresses.iter().map(|address| &address.addr), &cases);
    assert_eq!(imported.skipped.len(), of_cases(&cases, false).len());
}

#[tokio::test]
async fn a_book_has_the_addresses_that_go_would_read() {
    let cases = cases(&json("go/multiaddrs.json"));
    let peer = keypair(1).public().to_peer_id();
    let (mut addrs, mut expected) = (Vec::new(), Vec::new());
    for Case { name, bytes, is_one } in cases {
        let Ok(addr) = Multiaddr::try_from(bytes) else { continue };
        let is_of_another = matches!(addr.iter().last(), Some(Protocol::P2p(_)));
        assert_eq!(is_address_of(&peer, &addr), is_one && !is_of_another, "{name}");
        expected.extend((is_one && !is_of_another).then(|| addr.clone()));
        addrs.push(addr);
    }
    assert!(expected.len() < addrs.len());
    expected.sort_unstable();
    expected.dedup();
    for world in World::all() {
        let world = world.with(|options| options.limits.addresses = 0);
        let open = world.open().await;
        open.peers.addresses().add(&peer, &addrs, AddressTtl::ADDRESS).await.unwrap();
        let known = open.peers.addresses().get(&peer).await.unwrap();
        let mut known: Vec<_> = known.iter().cloned().collect();
        known.sort_unstable();
        assert_eq!(known, expected);
        open.close().await;
    }
}
