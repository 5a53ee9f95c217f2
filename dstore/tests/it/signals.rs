//! Ctrl-C and SIGTERM.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;

use crate::harness::{Place, json, send};

const STORE: &str = Place::STORE;

#[test]
fn an_import_that_is_interrupted_keeps_what_it_acknowledged() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        let mut import = place.begin_import(STORE);
        for number in 0..10 {
            import.feed(format!("{}\n", json!({ "key": format!("/{number}"), "value": "MQ==" })));
        }
        import.wait_for(10);
        // A line that is not whole is nothing yet.
        import.feed("{\"key\":\"/0\",\"value\":\"AAAA");
        send(signal, &import.child);
        assert_eq!(import.child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(place.keys(STORE).len(), 10);
        assert_eq!(place.ok(["get", STORE, "/0"]), "1");
        place.ok(["check", STORE]);
    }
}

#[test]
fn a_bench_that_is_interrupted_leaves_nothing_in_the_store() {
    let place = Place::new();
    place.put("/a", "1");
    let bench = ["bench", STORE, "--seconds", "0.05", "--json"];
    let mut child = place.command(bench).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    // What it put stays for the lines after it to read.
    let mut line = String::new();
    assert_ne!(output.read_line(&mut line).unwrap(), 0);
    assert_eq!(json(&line)["name"], "put");
    assert!(json(&line)["items"].as_u64().unwrap() > 0);
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(place.keys(STORE).len(), 1);
}

#[test]
fn a_conformance_run_that_is_interrupted_leaves_nothing_in_the_store() {
    let place = Place::new();
    place.put("/a", "1");
    let suite = ["conformance", STORE, "--filter", "limits::"];
    let mut child = place.command(suite).stdout(Stdio::piped()).spawn().unwrap();
    // In the middle of a case: its value of 64 MiB lies in the store, and it goes on to read it.
    let large = |file: &PathBuf| file.metadata().is_ok_and(|metadata| metadata.len() > 64 << 20);
    while !place.files().iter().any(large) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended early");
        std::thread::yield_now();
    }
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(place.keys(STORE), ["/a"]);
}

#[test]
fn a_command_that_is_stuck_in_a_full_pipe_can_be_interrupted() {
    let place = Place::new();
    let long = "x".repeat(200);
    let lines: Vec<_> = (0..2000)
        .map(|n| json!({ "key": format!("/{long}/{n}"), "value": "" }).to_string())
        .collect();
    place.feed(["import", STORE], lines.join("\n").as_bytes()).ok();
    let mut child = place.command(["ls", STORE]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::with_capacity(1, child.stdout.take().unwrap());
    assert_ne!(output.read_line(&mut String::new()).unwrap(), 0);
    // Nobody reads on: the rest does not fit into the pipe.
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
