use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;

fn filled() -> Place {
    let place = Place::new();
    let lines: Vec<_> = (0..3000)
        .map(|n| json!({ "key": format!("/n/{n:04}"), "value": "AP8=" }).to_string())
        .collect();
    place.feed(["import", STORE], lines.join("\n").as_bytes()).ok();
    place.put("/other", "1");
    place
}

#[test]
fn a_copy_is_verified_and_can_be_repeated() {
    let place = filled();
    for _ in 0..2 {
        let copied = place.run(["copy", STORE, "fjall:backup", "--json"]).ok().objects();
        assert_eq!(copied, [json!({ "entries": 3001, "bytes": 3000 * 9 + 7, "verified": true })]);
    }
    assert_eq!(place.ok(["export", STORE]), place.ok(["export", "fjall:backup"]));
    assert_eq!(
        place.ok(["copy", STORE, "fjall:b2", "--below", "/n", "--no-verify"]),
        "copied 3,000 entries, 26.4 KiB, not verified\n"
    );
    assert_eq!(place.keys("fjall:b2").len(), 3000);
}

#[test]
fn a_copy_leaves_what_only_the_target_has() {
    let place = filled();
    place.ok(["put", "fjall:backup", "/mine", "--value", "1"]);
    place.ok(["put", "fjall:backup", "/other", "--value", "old"]);
    place.ok(["copy", STORE, "fjall:backup"]);
    assert_eq!(place.ok(["get", "fjall:backup", "/mine"]), "1");
    assert_eq!(place.ok(["get", "fjall:backup", "/other"]), "1");
}

#[test]
fn a_store_is_not_copied_into_itself_however_it_is_written() {
    let place = filled();
    std::os::unix::fs::symlink(place.path("store"), place.path("link")).unwrap();
    let absolute = format!("fjall:{}", place.path("store").display());
    for (source, target) in [
        (STORE, STORE),
        (STORE, "fjall:./store/"),
        (STORE, "fjall:new/../store"),
        (STORE, "fjall:link"),
        (STORE, &absolute),
        (STORE, "fjall:store/inside"),
        (STORE, "fjall:store?namespace=/n"),
        ("fjall:store?namespace=/n", "fjall:store?namespace=/n/m"),
        ("fjall:store?namespace=/n/m", "fjall:store?namespace=/n"),
    ] {
        place.run(["copy", source, target]).fails(2, &["nothing was copied"]);
    }
    assert_eq!(place.keys(STORE).len(), 3001);
    assert_eq!(place.names(), ["link", "store"]);
}

#[test]
fn namespaces_of_one_store_that_do_not_meet_can_be_copied() {
    let place = filled();
    place.ok(["copy", "fjall:store?namespace=/n", "fjall:store?namespace=/copy/n"]);
    assert_eq!(place.keys("fjall:store?namespace=/copy/n"), place.keys("fjall:store?namespace=/n"));
    assert_eq!(place.keys(STORE).len(), 6001);
}

#[test]
fn a_source_that_is_not_there_leaves_no_target_behind() {
    let place = Place::new();
    place.run(["copy", STORE, "fjall:backup"]).fails(5, &["no datastore at", "hint"]);
    assert!(place.names().is_empty());
}
