//! The session with peers on the front page is what the commands print.

use std::fs;
use std::path::Path;

use datastore::{Clock, SystemClock};

use crate::harness::{Place, fixture_of_peers};

/// A command and what it prints, a line `…` for lines that are left out.
struct Shown {
    command: String,
    output: Vec<String>,
    /// Whether something has to end before it prints that.
    waits: bool,
}

fn session() -> Vec<Shown> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once("\n### Peers\n").unwrap();
    let (_, block) = section.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let (mut session, mut waits) = (Vec::<Shown>::new(), false);
    for line in block.lines() {
        if line.starts_with("$ sleep ") {
            waits = true;
        } else if let Some(command) = line.strip_prefix("$ ") {
            session.push(Shown { command: command.to_owned(), output: Vec::new(), waits });
            waits = false;
        } else if !line.is_empty() {
            session.last_mut().unwrap().output.push(line.to_owned());
        }
    }
    session
}

/// Whether lines are those that are shown.
fn is_shown(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=printed.len()).any(|skipped| is_shown(rest, &printed[skipped..]))
        }
        Some((first, rest)) => {
            printed.first() == Some(&first.as_str()) && is_shown(rest, &printed[1..])
        }
    }
}

#[test]
fn the_session_with_peers_on_the_front_page_is_what_the_commands_print() {
    let place = Place::new();
    fs::copy(fixture_of_peers("go/pstoreds.json"), place.path("pstoreds.json")).unwrap();
    let clock = SystemClock::new();
    let mut commands = 0;
    for Shown { command, output, waits } in session() {
        let words: Vec<_> = command.split(' ').collect();
        let ("dstore", args) = (words[0], &words[1..]) else { panic!("{command}") };
        loop {
            let run = place.run(args);
            let printed = format!("{}{}", run.err, run.text());
            let printed: Vec<_> = printed.lines().filter(|line| !line.is_empty()).collect();
            if is_shown(&output, &printed) {
                break;
            }
            let in_time = waits && clock.elapsed().as_secs() < 60;
            assert!(
                in_time,
                "$ {command}\n{}\n\nis shown as\n\n{}",
                printed.join("\n"),
                output.join("\n")
            );
        }
        commands += 1;
    }
    assert!(commands > 4, "{commands}");
}
