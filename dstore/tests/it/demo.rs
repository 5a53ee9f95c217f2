use crate::harness::Place;

#[test]
fn the_demo_works_and_removes_its_temporary_directory() {
    let place = Place::new();
    let demo = place.command(["demo"]).env("TMPDIR", place.path("")).output().unwrap();
    let text = String::from_utf8(demo.stdout).unwrap();
    assert_eq!((demo.status.code(), demo.stderr.as_slice()), (Some(0), &b""[..]), "{text}");
    assert!(text.contains("20,001 records read again and compared"), "{text}");
    assert!(place.names().is_empty());
}

#[test]
fn the_demo_leaves_a_store_where_that_is_asked() {
    let place = Place::new();
    let steps = place.run(["demo", "--dir", "my 100% data", "--json"]).ok().objects();
    assert_eq!(steps.len(), 6);
    assert_eq!(steps[5]["entries"], 20_001);
    assert_eq!(place.keys("fjall:my 100%25 data").len(), 20_001);
    place.run(["demo", "--dir", "my 100% data"]).fails(2, &["wants none", "hint"]);
}
