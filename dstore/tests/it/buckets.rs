//! Buckets, over HTTP, as the AWS tools are told of them: by the environment.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use s3_testing::{Credentials, Oddities, RealServer, S3Server};
use serde_json::json;

use crate::harness::{Import, Place, Run, fixture, send};

/// A place to run in, whose environment names a server.
pub(crate) struct Cloud<S = S3Server> {
    pub(crate) place: Place,
    pub(crate) server: S,
    credentials: Credentials,
    variables: Vec<(&'static str, String)>,
}

pub(crate) const STORE: &str = "s3://test-bucket/node";

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::with(Oddities::default())
    }

    fn with(oddities: Oddities) -> Self {
        let server = S3Server::start_with(oddities);
        let (endpoint, credentials) = (server.endpoint(), server.credentials().clone());
        let region = server.region();
        Self::of(server, &endpoint, region, credentials)
    }
}

impl<S> Cloud<S> {
    pub(crate) fn of(server: S, endpoint: &str, region: &str, credentials: Credentials) -> Self {
        let variables = vec![
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_REGION", region.to_owned()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
        ];
        Self { place: Place::new(), server, credentials, variables }
    }

    fn set(&mut self, name: &'static str, value: Option<&str>) {
        self.variables.retain(|(set, _)| *set != name);
        self.variables.extend(value.map(|value| (name, value.to_owned())));
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.place.command(args);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it; neither half of the credentials may be in what it prints.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let run = Run::of(self.command(args).output().unwrap());
        let printed = format!("{}{}", String::from_utf8_lossy(&run.out), run.err);
        let Credentials { access_key, secret_key } = &self.credentials;
        for secret in [access_key, secret_key] {
            assert!(!printed.contains(secret.as_str()), "{args:?}: {printed}");
        }
        run
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok().text()
    }
}

#[test]
fn every_command_works_on_a_bucket() {
    let cloud = Cloud::new();
    assert_eq!(cloud.ok(&["put", STORE, "/a", "--value", "1"]), "");
    cloud.ok(&["put", STORE, "/b/c", "--value", "22", "--sync", "--if-absent"]);
    cloud.run(&["put", STORE, "/a", "--value", "2", "--if-absent"]).fails(3, &["/a"]);
    assert_eq!(cloud.ok(&["get", STORE, "/a"]), "1");
    assert_eq!(cloud.ok(&["get", STORE, "/b/c", "--range", "1.."]), "2");
    assert_eq!(cloud.ok(&["size", STORE, "/b/c"]), "2\n");
    cloud.ok(&["has", STORE, "/a"]);
    assert_eq!(cloud.run(&["has", STORE, "/nothing"]).code, Some(1));
    cloud.run(&["get", STORE, "/nothing"]).fails(1, &["/nothing has no value"]);
    assert_eq!(cloud.ok(&["ls", STORE]), "/a\n/b/c\n");
    assert_eq!(cloud.ok(&["ls", STORE, "--reverse", "--limit", "1", "--values"]), "/b/c\t22\n");
    assert_eq!(cloud.ok(&["ls", &format!("{STORE}?namespace=/b")]), "/c\n");
    assert!(cloud.ok(&["du", STORE]).contains("total"));
    assert_eq!(cloud.ok(&["check", STORE]), "2 entries read (9 B), no damage\n");
    assert!(cloud.ok(&["compact", STORE]).starts_with("compacted: "));
    let exported = cloud.ok(&["export", STORE]);
    assert_eq!(exported.lines().count(), 2);
    cloud.place.write("rows.jsonl", exported);
    cloud.ok(&["import", "s3://test-bucket/other/", "rows.jsonl"]);
    assert_eq!(cloud.ok(&["ls", "s3://test-bucket/other"]), "/a\n/b/c\n");
    cloud.run(&["del", STORE, "--below", "/b"]).fails(2, &["--yes"]);
    cloud.ok(&["del", STORE, "/a"]);
    cloud.ok(&["del", STORE, "--below", "/b", "--yes"]);
    assert_eq!(cloud.ok(&["ls", STORE]), "");
    let bench = ["bench", STORE, "--seconds", "0.01", "--tasks", "3"];
    assert_eq!(cloud.ok(&bench).lines().count(), 10);
    assert_eq!(
        cloud.server.names(),
        ["node/~~datastore/format", "other/a", "other/b/c", "other/~~datastore/format"]
    );
}

fn go_peer_store_through<S>(cloud: &Cloud<S>, url: &str) {
    let path = fixture("go-peerstore.json");
    let path = path.to_str().unwrap();
    cloud.ok(&["import", Place::STORE, path]);
    for (from, to) in [(Place::STORE, url), (url, "fjall:back")] {
        assert_eq!(cloud.ok(&["copy", from, to]), "copied 52 entries, 22.7 KiB, verified\n");
        let dump = cloud.run(&["export", to, "--format", "dump", "--like", path]).ok().out;
        assert!(dump == std::fs::read(path).unwrap(), "{to}: the export differs");
    }
}

#[test]
fn a_go_peer_store_goes_through_a_bucket_and_comes_back_byte_for_byte() {
    go_peer_store_through(&Cloud::new(), STORE);
}

#[test]
fn a_go_peer_store_goes_through_a_real_server_and_comes_back_byte_for_byte() {
    let Some(server) = RealServer::from_env() else { return };
    let (endpoint, region) = (server.endpoint().to_owned(), server.region().to_owned());
    let (url, credentials) =
        (format!("s3://{}/node", server.bucket()), server.credentials().clone());
    go_peer_store_through(&Cloud::of(server, &endpoint, &region, credentials), &url);
}

#[test]
fn a_bucket_is_not_copied_into_itself() {
    let cloud = Cloud::new();
    cloud.ok(&["put", STORE, "/n/a", "--value", "1"]);
    let endpoint = format!("{STORE}/?endpoint={}", cloud.server.endpoint());
    for target in [STORE, &endpoint, "s3://test-bucket", "s3://test-bucket/node/n"] {
        cloud.run(&["copy", STORE, target]).fails(2, &["nothing was copied"]);
    }
    let [from, to] = ["/n", "/m"].map(|namespace| format!("{STORE}?namespace={namespace}"));
    cloud.ok(&["copy", &from, &to]);
    cloud.ok(&["copy", STORE, "s3://test-bucket/node-2"]);
    assert_eq!(cloud.ok(&["ls", "s3://test-bucket/node-2"]), "/m/a\n/n/a\n");
}

#[test]
fn a_second_writer_is_refused_while_readers_work_beside_the_first() {
    let cloud = Cloud::new();
    let url = format!("{STORE}?lease=9s");
    let mut first = Import::begin(cloud.command(&Import::args(&url)));
    first.feed("{\"key\":\"/a\",\"value\":\"MQ==\"}\n");
    first.wait_for(1);

    let names = cloud.server.names();
    let second = cloud.run(&["put", &url, "/b", "--value", "2"]);
    let (waits, refused) = second.err.split_once('\n').unwrap();
    assert!(waits.contains("waiting for up to 9 s to see which"), "{waits}");
    Run { err: refused.to_owned(), ..second }.fails(
        5,
        &["cannot open s3://test-bucket/node", "open for writing", "open it for reading"],
    );
    for command in ["ls", "stat", "du", "check", "export"] {
        cloud.ok(&[command, STORE]);
    }
    cloud.ok(&["copy", STORE, "fjall:copy"]);
    assert_eq!(cloud.server.names(), names, "readers write nothing");
    cloud.ok(&["bench", STORE, "--seconds", "0.01", "--tasks", "2"]);
    assert_eq!(cloud.server.names(), names, "a bench removes all of its own");

    drop(first.input);
    assert!(first.child.wait().unwrap().success());
    cloud.ok(&["put", &url, "/b", "--value", "2"]);
    assert_eq!(cloud.ok(&["ls", STORE]), "/a\n/b\n");
}

#[test]
fn reading_does_not_make_a_store() {
    let cloud = Cloud::new();
    for command in ["ls", "stat", "du", "check", "export", "compact"] {
        cloud.run(&[command, STORE]).fails(5, &["there is no store below `node`", "hint"]);
    }
    assert!(cloud.server.names().is_empty());
}

#[test]
fn stat_tells_what_the_server_holds_for_writers() {
    let cloud = Cloud::with(Oddities { ignores_delete_conditions: true, ..Oddities::default() });
    cloud.ok(&["put", STORE, "/a", "--value", "1"]);
    let stat = cloud.ok(&["stat", STORE]);
    assert!(stat.contains("access=shared"), "{stat}");
    let stat = &cloud.run(&["stat", STORE, "--json"]).ok().objects()[0];
    assert_eq!(stat["capabilities"]["conditions"], json!(null));
    let stat = cloud.ok(&["stat", &format!("{STORE}?access=shared")]);
    assert!(stat.contains("on a put of one key"), "{stat}");
    assert_eq!(cloud.server.names(), ["node/a", "node/~~datastore/format"]);
}

#[test]
fn check_counts_what_is_not_of_the_store() {
    let cloud = Cloud::new();
    cloud.ok(&["put", STORE, "/a", "--value", "1"]);
    cloud.server.put_raw("node/a b", "theirs");
    cloud.server.put_raw("node//c", "theirs");
    let check = cloud.ok(&["check", STORE]);
    assert_eq!(check, "1 entry read (3 B), no damage\nnot of this store, and left alone: 2\n");
    assert_eq!(cloud.run(&["check", STORE, "--json"]).ok().objects()[0]["foreign"], json!(2));
}

#[test]
fn conformance_says_what_a_server_is_good_for_and_leaves_nothing_behind() {
    let ignores_conditions = Oddities { ignores_conditions: true, ..Oddities::default() };
    let ignores_delete_conditions =
        Oddities { ignores_delete_conditions: true, ..Oddities::default() };
    for (oddities, says, good_for) in [
        (Oddities::default(), "on puts: held; on deletes: held", "conditions on single keys"),
        (ignores_delete_conditions, "on puts: held; on deletes: not held", "single puts alone"),
        (ignores_conditions, "on puts: not held; on deletes: not held", "no lease"),
    ] {
        let cloud = Cloud::with(oddities);
        let suite = ["conformance", STORE, "--filter", "conditions::", "--scale", "small"];
        let table = cloud.ok(&suite);
        assert!(table.contains(" 0 failed, ") && table.contains(says), "{table}");
        assert!(table.contains(good_for), "{table}");
        assert!(cloud.server.names().is_empty(), "{:?}", cloud.server.names());
    }
}

#[test]
fn what_is_wrong_with_the_call_or_the_server_is_told_with_its_exit_code() {
    let mut cloud = Cloud::new();
    cloud.ok(&["put", STORE, "/a", "--value", "1"]);
    cloud
        .run(&["ls", "s3://no-such-bucket/node"])
        .fails(5, &["there is no bucket s3://no-such-bucket", "create it"]);

    cloud.set("AWS_SECRET_ACCESS_KEY", Some("wrong-secret-key"));
    let run = cloud.run(&["ls", STORE]).fails(8, &["does not accept the credentials"]);
    assert!(!run.err.contains("wrong-secret-key"), "{}", run.err);
    cloud.set("AWS_SECRET_ACCESS_KEY", None);
    cloud.run(&["ls", STORE]).fails(8, &["AWS_SECRET_ACCESS_KEY is not: set both"]);
    cloud.set("AWS_ACCESS_KEY_ID", None);
    cloud
        .run(&["ls", STORE])
        .fails(8, &["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "unsigned=true"]);
    cloud.run(&["ls", &format!("{STORE}?unsigned=true")]).fails(8, &["test-bucket"]);
}

#[test]
fn credentials_that_may_not_list_are_told_so() {
    let mut cloud = Cloud::new();
    cloud.ok(&["put", STORE, "/a", "--value", "1"]);
    let limited = cloud.server.limited_credentials().clone();
    cloud.set("AWS_ACCESS_KEY_ID", Some(&limited.access_key));
    cloud.set("AWS_SECRET_ACCESS_KEY", Some(&limited.secret_key));
    assert_eq!(cloud.ok(&["get", STORE, "/a"]), "1");
    cloud.run(&["ls", STORE]).fails(8, &["does not let these credentials"]);
    cloud.run(&["get", STORE, "/nothing"]).fails(8, &["does not let these credentials"]);
}

#[test]
fn a_server_that_is_not_there_is_given_up() {
    let cloud = Cloud::new();
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("{STORE}?endpoint=http://{nowhere}&retry=0s");
    cloud.run(&["ls", &url]).fails(5, &["cannot be reached"]);
    cloud.run(&["put", &url, "/a", "--value", "1"]).fails(5, &["cannot be reached"]);
    cloud.run(&["bench", &url]).fails(5, &["cannot be reached"]);
}

#[test]
fn an_option_wins_over_the_environment() {
    let mut cloud = Cloud::new();
    let url = format!("{STORE}?endpoint={}&region=us-east-1", cloud.server.endpoint());
    cloud.set("AWS_ENDPOINT_URL", Some("http://127.0.0.1:1"));
    cloud.set("AWS_ENDPOINT_URL_S3", Some("http://127.0.0.1:1"));
    cloud.ok(&["put", &url, "/a", "--value", "1"]);
    assert_eq!(cloud.ok(&["get", &url, "/a"]), "1");
    cloud.set("AWS_ENDPOINT_URL", Some("http://id:hunter2@127.0.0.1:1"));
    cloud.set("AWS_ENDPOINT_URL_S3", None);
    let run = cloud.run(&["ls", STORE]).fails(2, &["AWS_ENDPOINT_URL has a user in it"]);
    assert!(!run.err.contains("hunter2"), "{}", run.err);
}

#[test]
fn the_lease_of_a_writer_that_was_killed_runs_out() {
    let cloud = Cloud::new();
    let url = format!("{STORE}?lease=3s");
    let mut first = Import::begin(cloud.command(&Import::args(&url)));
    first.feed("{\"key\":\"/a\",\"value\":\"MQ==\"}\n");
    first.wait_for(1);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let second = cloud.run(&["put", &url, "/b", "--value", "2"]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.err.starts_with("warning: process "), "{second:?}");
    assert!(second.err.contains("waiting for up to 3 s"), "{second:?}");
    assert_eq!(second.err.lines().count(), 1, "{second:?}");
    assert_eq!(cloud.ok(&["ls", STORE]), "/a\n/b\n");
    assert!(!cloud.server.names().contains(&"node/~~datastore/writer".to_owned()));
}

#[test]
fn an_import_that_is_interrupted_lets_others_write() {
    let cloud = Cloud::new();
    let mut import = Import::begin(cloud.command(&Import::args(STORE)));
    import.feed("{\"key\":\"/a\",\"value\":\"MQ==\"}\n");
    import.wait_for(1);
    send("INT", &import.child);
    assert_eq!(import.child.wait().unwrap().code(), Some(130));
    assert_eq!(cloud.server.names(), ["node/a", "node/~~datastore/format"]);
}

#[test]
fn a_bench_that_is_interrupted_leaves_nothing_in_the_bucket() {
    let cloud = Cloud::new();
    let mut bench = cloud.command(&["bench", STORE, "--seconds", "0.05", "--json"]);
    let mut child = bench.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_ne!(output.read_line(&mut String::new()).unwrap(), 0);
    assert!(!cloud.server.names().is_empty());
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(cloud.server.names().is_empty(), "{:?}", cloud.server.names());
}

#[test]
fn a_reader_that_goes_away_ends_a_listing_quietly() {
    let cloud = Cloud::new();
    for number in 0..3000 {
        cloud.server.put_raw(&format!("node/{}/{number:04}", "x".repeat(100)), "");
    }
    cloud.ok(&["put", STORE, "/y", "--value", "1"]);
    let mut ls = cloud.command(&["ls", STORE]);
    let mut child = ls.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_ne!(output.read_line(&mut String::new()).unwrap(), 0);
    drop(output);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}
