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
fn an_import_of_peers_that_is_interrupted_keeps_and_counts_those_before() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        // Far more than are imported before it hears the signal.
        let rows = (0..100_000).map(|n| {
            let key = format!("protocol:%00%24%08%01%12%20{n:032}");
            format!("{}\n", json!({ "key": key, "value": "CgIveA==" }))
        });
        let file = place.write("rows.jsonl", rows.collect::<String>());
        let import = ["peers", "import", STORE, file.to_str().unwrap(), "--json"];
        let mut command = place.command(import);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        assert_ne!(output.read_line(&mut String::new()).unwrap(), 0);
        send(signal, &child);
        let told = 1 + output.lines().count();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{signal}");
        let err = String::from_utf8(ended.stderr).unwrap();
        let (_, count) =
            err.split_once("error: interrupted; imported before it, and there: ").unwrap();
        let (count, rest) = count.split_once(" peers\n").unwrap();
        assert!(rest.contains("hint: it can be run again"), "{err}");
        let count: usize = count.replace(',', "").parse().unwrap();
        assert!(told <= count && count < 100_000, "{told} of {count}");
        // One more may have been on its way.
        let there = place.ok(["peers", "ls", STORE]).lines().count();
        assert!((count..=count + 1).contains(&there), "{there} are there, {count} were told");
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
