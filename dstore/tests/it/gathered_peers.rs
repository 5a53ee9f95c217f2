//! Ctrl-C while peers that were gathered are written to a bucket: they are there, or it is said that they may be lost.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};

use s3_testing::{Answer, Fault, FaultProxy, Gate, Matcher, Method, S3Server};
use serde_json::json;

use crate::buckets::{Cloud, STORE};
use crate::harness::send;

/// An import of five peers into a bucket, in the middle of writing what it gathered, with the gate at which it stands.
struct Writing {
    cloud: Cloud<(S3Server, FaultProxy)>,
    gate: Gate,
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Writing {
    /// Of the rows, the first so many stand at the gate, and the others are refused.
    fn begin(held: usize) -> Self {
        Self::begin_with(held, "")
    }

    /// As [`begin`](Self::begin), opened with these peers of a configuration.
    fn begin_with(held: usize, peers: &str) -> Self {
        let server = S3Server::start();
        let proxy = FaultProxy::start(&server.endpoint());
        let (endpoint, credentials) = (proxy.endpoint(), server.credentials().clone());
        let region = server.region();
        let (gate, rows) = (Gate::new(), "/test-bucket/node/peers/protos");
        let rows = || Matcher::method(Method::PUT).path_prefix(rows);
        proxy.on(rows().times(held), Fault::Hold(gate.clone()));
        proxy.on(rows(), Fault::Answer(Answer::access_denied()));
        let cloud = Cloud::of((server, proxy), &endpoint, region, credentials);
        let rows = (0..5).map(|n| {
            let key = format!("protocol:%00%24%08%01%12%20{n:032}");
            format!("{}\n", json!({ "key": key, "value": "CgIveA==" }))
        });
        cloud.place.write("rows.jsonl", rows.collect::<String>());
        cloud.place.write("peers.toml", format!("store = {{ url = 'fjall:other' }}\n{peers}"));
        let import = ["peers", "import", STORE, "rows.jsonl"];
        let config: &[_] = if peers.is_empty() { &[] } else { &["--config", "peers.toml"] };
        let mut import = cloud.command(&[&import[..], config].concat());
        let mut child = import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        futures::executor::block_on(gate.arrived(1));
        Self { cloud, gate, child, err }
    }

    /// Interrupts it, and waits until it has noticed.
    fn interrupt(&mut self) {
        send("INT", &self.child);
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        assert!(line.starts_with("warning: interrupted: writing what was gathered, "), "{line}");
    }

    /// What it says, and how it ends.
    fn end(&mut self) -> (String, Option<i32>) {
        let mut said = String::new();
        self.err.read_to_string(&mut said).unwrap();
        (said, self.child.wait().unwrap().code())
    }

    fn peers(&self) -> usize {
        let names = self.cloud.server.0.names();
        names.iter().filter(|name| name.starts_with("node/peers/protos/")).count()
    }
}

#[test]
fn an_import_of_peers_that_is_interrupted_writes_what_it_gathered() {
    let mut writing = Writing::begin(5);
    writing.interrupt();
    assert_eq!(writing.peers(), 0);
    writing.gate.release();
    let (said, code) = writing.end();
    assert!(said.contains("imported before it, and there: 5 peers"), "{said}");
    assert_eq!((writing.peers(), code), (5, Some(130)));
    assert_eq!(writing.cloud.ok(&["peers", "ls", STORE]).lines().count(), 5);
}

#[test]
fn an_import_of_peers_that_is_interrupted_says_how_many_there_was_no_room_for() {
    let mut writing = Writing::begin_with(3, "peers.limits.peers = 3\n");
    writing.interrupt();
    writing.gate.release();
    let (said, code) = writing.end();
    let before = "imported before it: 5 peers; removed, since there was no room: 2 peers";
    assert!(said.contains(before), "{said}");
    assert_eq!((writing.peers(), code), (3, Some(130)));
}

#[test]
fn an_import_of_peers_that_is_interrupted_twice_says_what_may_be_lost() {
    let mut writing = Writing::begin(5);
    writing.interrupt();
    send("INT", &writing.child);
    let (said, code) = writing.end();
    assert!(said.contains("interrupted; gathered, and perhaps not written: "), "{said}");
    assert!(!said.contains("and there"), "{said}");
    assert_eq!((writing.peers(), code), (0, Some(130)));
}

#[test]
fn an_import_of_peers_that_is_interrupted_and_then_refused_does_not_say_that_they_are_there() {
    let mut writing = Writing::begin(1);
    writing.interrupt();
    writing.gate.release();
    let (said, code) = writing.end();
    assert!(said.starts_with("error: cannot write all peers"), "{said}");
    assert!(!said.contains("and there"), "{said}");
    assert_eq!((writing.peers(), code), (1, Some(3)));
}
