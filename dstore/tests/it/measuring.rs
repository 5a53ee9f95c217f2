//! Check, compact, bench and conformance.

use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;

#[test]
fn a_sound_store_is_checked_and_compacted() {
    let place = Place::new();
    place.put("/a", "123");
    let check = place.run(["check", STORE, "--json"]).ok().objects();
    let expected =
        json!({ "entries": 1, "bytes": 5, "problems": [], "more_problems": 0, "foreign": 0 });
    assert_eq!(check, [expected]);
    assert_eq!(place.ok(["check", STORE]), "1 entry read (5 B), no damage\n");
    let compact = &place.run(["compact", STORE, "--json"]).ok().objects()[0];
    assert!(compact["disk_usage"].as_u64().unwrap() > 0);
    assert!(place.ok(["compact", STORE]).starts_with("compacted: "));
    assert_eq!(place.ok(["compact", "memory:"]), "compacted\n");
    assert_eq!(place.ok(["get", STORE, "/a"]), "123");
}

#[test]
fn a_bench_measures_each_line_and_leaves_nothing_behind() {
    let place = Place::new();
    place.put("/mine", "1");
    let bench = ["bench", STORE, "--seconds", "0.01", "--tasks", "3"];
    let lines = place.run(bench.iter().chain(&["--json"])).ok().objects();
    let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "put",
            "batch of 1,000, entries",
            "put synced",
            "put synced, 3 tasks",
            "get",
            "get of a missing key",
            "has",
            "pages of 256, entries",
            "delete",
        ]
    );
    for line in &lines {
        assert!(line["items"].as_u64().unwrap() > 0, "{line}");
        let (half, most, longest) =
            (&line["p50_seconds"], &line["p99_seconds"], &line["max_seconds"]);
        assert!(half.as_f64() <= most.as_f64() && most.as_f64() <= longest.as_f64(), "{line}");
    }
    assert_eq!(place.ok(bench).lines().count(), 10);
    assert_eq!(place.keys(STORE), ["/mine"]);
    place.run(["bench", STORE, "--seconds", "0"]).fails(2, &["number of seconds"]);
}

#[test]
fn a_conformance_run_prints_each_case_and_leaves_nothing_behind() {
    let place = Place::new();
    place.put("/mine", "1");
    let suite = ["conformance", STORE, "--filter", "basics", "--scale", "small"];
    let lines = place.run(suite.iter().chain(&["--json"])).ok().objects();
    let (sums, cases) = lines.split_last().unwrap();
    assert!(cases.iter().all(|case| case["verdict"] != "failed"), "{cases:?}");
    assert_eq!(
        sums["passed"].as_u64().unwrap() + sums["skipped"].as_u64().unwrap(),
        cases.len() as u64
    );
    assert!(sums["passed"].as_u64().unwrap() > 0);
    let table = place.ok(suite);
    assert_eq!(table.lines().count(), cases.len() + 3);
    assert!(table.contains(" 0 failed"), "{table}");
    assert!(table.contains("good for: any number of tasks"), "{table}");
    assert_eq!(place.keys(STORE), ["/mine"]);
}
