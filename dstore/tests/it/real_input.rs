//! What go-libp2p wrote, through the binary, with a kill in the middle.

use std::fs;

use crate::harness::{Place, fixture};

const STORE: &str = Place::STORE;

/// The beginning of the dump up to its row of this number, that row begun and not ended.
fn beginning(dump: &str, row: usize) -> String {
    let (at, _) = dump.match_indices("\"value\"").nth(row - 1).unwrap();
    dump[..at].to_owned()
}

fn export(place: &Place) -> Vec<u8> {
    let path = fixture("go-peerstore.json");
    let args = ["export", STORE, "--format", "dump", "--like", path.to_str().unwrap()];
    place.run(args).ok().out
}

#[test]
fn a_go_peer_store_survives_a_killed_import_and_is_exported_byte_for_byte() {
    let place = Place::new();
    let path = fixture("go-peerstore.json");
    let dump = fs::read_to_string(&path).unwrap();
    assert_eq!(
        place.ok(["import", STORE, path.to_str().unwrap()]),
        "imported 52 entries, 22.7 KiB\n"
    );

    let mut second = place.begin_import(STORE);
    second.feed(beginning(&dump, 30));
    second.wait_for(29);
    second.child.kill().unwrap();
    assert_eq!(second.child.wait().unwrap().code(), None, "it was killed");

    for (prefix, count) in [("/peers/addrs/", 15), ("/peers/keys/", 7), ("/peers/metadata/", 30)] {
        assert_eq!(place.ok(["ls", STORE, "--prefix", prefix]).lines().count(), count, "{prefix}");
    }
    assert_eq!(place.keys(STORE).len(), 52);
    place.ok(["check", STORE]);
    assert_eq!(export(&place), dump.as_bytes());
}

#[test]
fn what_a_killed_import_acknowledged_is_there_and_it_can_be_run_again() {
    let place = Place::new();
    let path = fixture("go-peerstore.json");
    let dump = fs::read_to_string(&path).unwrap();

    let mut import = place.begin_import(STORE);
    import.feed(beginning(&dump, 21));
    import.wait_for(20);
    import.child.kill().unwrap();
    import.child.wait().unwrap();
    assert_eq!(place.keys(STORE).len(), 20);

    place.ok(["import", STORE, path.to_str().unwrap()]);
    assert_eq!(export(&place), dump.as_bytes());
}
