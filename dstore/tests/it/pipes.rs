use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;

fn filled() -> Place {
    let place = Place::new();
    let lines: Vec<_> = (0..20_000)
        .map(|n| json!({ "key": format!("/number/{n:05}"), "value": "" }).to_string())
        .collect();
    place.feed(["import", STORE], lines.join("\n").as_bytes()).ok();
    place
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let place = filled();
    let list: &[&[&str]] =
        &[&["ls"], &["ls", "--json"], &["export"], &["export", "--format", "dump"]];
    for args in list {
        let mut child = place
            .command(args.iter().copied().chain([STORE]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        assert_ne!(output.read_line(&mut String::new()).unwrap(), 0, "{args:?}");
        drop(output);
        let mut complaints = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        assert_eq!(complaints, "", "{args:?}");
    }
    // The store was closed, not left behind.
    assert_eq!(place.keys(STORE).len(), 20_000);
}

/// A file that takes nothing.
fn full() -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).open("/dev/full")
}

#[test]
fn a_failure_that_cannot_be_printed_keeps_its_exit_code() {
    let place = Place::new();
    let Ok(full) = full() else {
        println!("skipped: this machine has no /dev/full");
        return;
    };
    assert_eq!(place.command(["ls", STORE]).stderr(full).status().unwrap().code(), Some(5));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let place = filled();
    let Ok(full) = full() else {
        println!("skipped: this machine has no /dev/full");
        return;
    };
    let output = place.command(["ls", STORE]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(complaints.starts_with("error: cannot write to standard output"), "{complaints}");
}
