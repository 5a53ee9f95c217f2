//! The proxy: what it lets through, and each of its faults.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode};
use s3_testing::{Answer, Fault, FaultProxy, Gate, Matcher, Method, S3Server, StatusCode};

use crate::by_hand::{get_request, until_the_end};
use crate::clients::builder;
use crate::targets::{Target, targets};

const TEN: &str = "0123456789";

fn a() -> Path {
    Path::from("a")
}

fn puts() -> Matcher {
    Matcher::method(Method::PUT)
}

fn gets() -> Matcher {
    Matcher::method(Method::GET)
}

async fn is_there(target: &Target) -> bool {
    match target.direct().head(&a()).await {
        Ok(_) => true,
        Err(Error::NotFound { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_a_client_does_goes_through_and_is_counted() {
    for target in targets() {
        let proxy = target.proxy();
        let client = target.through(&proxy);
        client.put_opts(&a(), TEN.into(), PutMode::Create.into()).await.unwrap();
        client.put_opts(&a(), TEN.into(), PutMode::Create.into()).await.unwrap_err();
        assert_eq!(client.get(&a()).await.unwrap().bytes().await.unwrap(), TEN);
        assert_eq!(client.head(&a()).await.unwrap().size, 10);
        assert_eq!(client.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 1);
        client.delete(&a()).await.unwrap();
        client.get(&a()).await.unwrap_err();

        let requests = proxy.requests();
        let seen: Vec<_> = requests
            .iter()
            .map(|seen| (seen.method.as_str(), seen.status.map_or(0, |status| status.as_u16())))
            .collect();
        // Deleting one object is a bulk deletion, too.
        let expected = [
            ("PUT", 200),
            ("PUT", 412),
            ("GET", 200),
            ("HEAD", 200),
            ("GET", 200),
            ("POST", 200),
            ("GET", 404),
        ];
        assert_eq!(seen, expected);
        assert!(requests.iter().all(|seen| seen.forwarded));
        assert_eq!(requests[0].path, target.path("a"));
        assert_eq!(requests[0].header("if-none-match"), Some("*"));
        assert_eq!(requests[2].query, None);
        assert!(requests[4].has_parameter("list-type"));
        assert!(requests[5].has_parameter("delete"));
        proxy.clear();
        assert!(proxy.requests().is_empty());
    }
}

#[tokio::test]
async fn an_answer_of_the_proxy_keeps_the_request_from_the_server() {
    for target in targets() {
        let answers = [
            (Answer::slow_down(), 503, "SlowDown"),
            (Answer::internal_error(), 500, "InternalError"),
            (Answer::request_timeout(), 400, "RequestTimeout"),
            (Answer::access_denied(), 403, "AccessDenied"),
            (Answer::request_time_too_skewed(), 403, "RequestTimeTooSkewed"),
            (Answer::expired_token(), 400, "ExpiredToken"),
            (Answer::expired_token().with_status(StatusCode::FORBIDDEN), 403, "ExpiredToken"),
            (Answer::permanent_redirect("eu-west-1"), 301, "PermanentRedirect"),
            (Answer::wrong_region("eu-west-1"), 400, "<Region>eu-west-1</Region>"),
            (Answer::error_with_ok("InternalError"), 200, "InternalError"),
        ];
        for (answer, status, words) in answers {
            let proxy = target.proxy();
            proxy.on(puts(), Fault::Answer(answer));
            let client = target.requests_through(&proxy);
            let reply = client.send(Method::PUT, &target.path("a"), &[], TEN).unwrap();
            let body = std::str::from_utf8(reply.body()).unwrap();
            assert_eq!(reply.status(), status);
            assert!(body.contains("<Error>") && body.contains(words), "{words}: {body}");
            let region = reply.headers().get("x-amz-bucket-region");
            assert_eq!(region.is_some_and(|region| region == "eu-west-1"), status == 301);
            assert!(!proxy.requests()[0].forwarded);
        }
        assert!(!is_there(&target).await);
    }
}

#[test]
fn a_reset_is_a_reset_on_the_wire() {
    let server = S3Server::start();
    let proxy = FaultProxy::start(&server.endpoint());
    proxy.on(Matcher::any().path_prefix("/before"), Fault::Reset);
    proxy.on(Matcher::any().path_prefix("/after"), Fault::LoseReply);
    for path in ["/before", "/after"] {
        let (said, end) = until_the_end(&proxy.endpoint(), &get_request(&proxy.endpoint(), path));
        assert_eq!((said.as_str(), end), ("", Some(ErrorKind::ConnectionReset)));
    }
    let forwarded: Vec<_> = proxy.requests().iter().map(|seen| seen.forwarded).collect();
    assert_eq!(forwarded, [false, true]);
    assert!(proxy.requests().iter().all(|seen| seen.status.is_none()));
}

#[tokio::test]
async fn a_reset_keeps_the_request_from_the_server_and_a_lost_reply_does_not() {
    for target in targets() {
        for (fault, lands) in [(Fault::Reset, false), (Fault::LoseReply, true)] {
            let proxy = target.proxy();
            proxy.on(puts(), fault);
            target.through(&proxy).put(&a(), TEN.into()).await.unwrap_err();
            assert_eq!(is_there(&target).await, lands);
        }
    }
}

#[tokio::test]
async fn a_truncated_body_ends_early_under_its_full_length() {
    for target in targets() {
        let proxy = target.proxy();
        proxy.on(puts(), Fault::Truncate(0));
        proxy.on(Matcher::any(), Fault::Truncate(4));
        target.direct().put(&a(), TEN.into()).await.unwrap();
        let error = target.requests_through(&proxy).send(Method::GET, &target.path("a"), &[], "");
        error.unwrap_err();

        // Whoever may not read it still gets a body, of the complaint.
        let (said, end) =
            until_the_end(&proxy.endpoint(), &get_request(&proxy.endpoint(), &target.path("a")));
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let announced =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        assert!(announced.parse::<usize>().unwrap() > 4, "{head}");
        assert_eq!((body, end), ("<?xm", None));
    }
}

#[tokio::test]
async fn a_stalled_body_goes_on_when_it_is_released() {
    for target in targets() {
        let proxy = target.proxy();
        let gate = Gate::new();
        proxy.on(gets(), Fault::Stall(4, gate.clone()));
        target.direct().put(&a(), TEN.into()).await.unwrap();
        let got = target.through(&proxy).get(&a()).await.unwrap();
        gate.arrived(1).await;
        let mut body = got.into_stream();
        assert_eq!(body.try_next().await.unwrap().unwrap(), "0123");
        let rest = body.try_next();
        tokio::pin!(rest);
        assert!(futures::poll!(&mut rest).is_pending());
        gate.release();
        assert_eq!(rest.await.unwrap().unwrap(), "456789");
    }
}

#[tokio::test]
async fn garbage_takes_the_place_of_a_body() {
    for target in targets() {
        let proxy = target.proxy();
        proxy.on(gets().parameter("list-type"), Fault::Garble("<no list".into()));
        let client = target.through(&proxy);
        client.put(&a(), TEN.into()).await.unwrap();
        client.list(None).try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(client.get(&a()).await.unwrap().bytes().await.unwrap(), TEN);
    }
}

#[tokio::test]
async fn a_request_can_be_held_before_the_server_and_a_reply_behind_it() {
    for target in targets() {
        for lands in [false, true] {
            let proxy = target.proxy();
            let gate = Gate::new();
            let fault = if lands { Fault::HoldReply } else { Fault::Hold };
            proxy.on(puts(), fault(gate.clone()));
            let client = target.through(&proxy);
            let put = tokio::spawn(async move { client.put(&a(), TEN.into()).await });
            gate.arrived(1).await;
            assert_eq!(is_there(&target).await, lands);
            assert!(!put.is_finished());
            gate.release();
            put.await.unwrap().unwrap();
            target.direct().delete(&a()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_delayed_request_has_not_reached_the_server_when_the_client_gives_up() {
    let server = S3Server::start();
    let proxy = FaultProxy::start(&server.endpoint());
    proxy.on(puts(), Fault::Delay(Duration::from_secs(3600)));
    let options = ClientOptions::new().with_allow_http(true);
    let client = builder(&proxy.endpoint(), server.bucket(), server.credentials())
        .with_client_options(options.with_timeout(Duration::from_millis(100)))
        .build()
        .unwrap();
    client.put(&a(), TEN.into()).await.unwrap_err();
    assert!(!proxy.requests()[0].forwarded);

    proxy.heal();
    proxy.on(puts(), Fault::Delay(Duration::from_millis(1)));
    client.put(&a(), TEN.into()).await.unwrap();
    assert_eq!(server.names(), ["a"]);
}

#[tokio::test]
async fn a_rule_takes_the_requests_that_it_is_for() {
    let server = S3Server::start();
    let proxy = FaultProxy::start(&server.endpoint());
    let client = builder(&proxy.endpoint(), server.bucket(), server.credentials()).build().unwrap();
    let denied = || Fault::Answer(Answer::access_denied());
    proxy.on(puts().path_suffix("/second").nth(2), denied());
    proxy.on(puts().path_prefix("/test-bucket/twice").times(2), denied());
    proxy.on(gets().without_parameter("list-type"), denied());

    let put = async |name: &str| client.put(&Path::from(name), TEN.into()).await.is_ok();
    let mut results = Vec::new();
    for name in ["second", "other", "second", "second", "twice", "twice/x", "other", "twice"] {
        results.push((name, put(name).await));
    }
    let expected = [
        ("second", true),
        ("other", true),
        ("second", false),
        ("second", true),
        ("twice", false),
        ("twice/x", false),
        ("other", true),
        ("twice", true),
    ];
    assert_eq!(results, expected);
    client.get(&Path::from("other")).await.unwrap_err();
    assert_eq!(client.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 3);
    proxy.heal();
    client.get(&Path::from("other")).await.unwrap();
}

#[test]
fn a_connection_serves_several_requests_however_they_are_cut() {
    let server = S3Server::start();
    let proxy = FaultProxy::start(&server.endpoint());
    let body = "x".repeat(11);
    proxy.on(Matcher::any(), Fault::Answer(Answer::slow_down()));
    let address = proxy.endpoint().replace("http://", "");
    let request =
        format!("PUT /a?b HTTP/1.1\r\nHost: {address}\r\nContent-Length: 11\r\n\r\n{body}");
    let last = format!("DELETE /b HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let sent = [request.as_str(), &request, &last].concat();
    for step in [1, 7, sent.len()] {
        proxy.clear();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in sent.as_bytes().chunks(step) {
            stream.write_all(piece).unwrap();
        }
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said.matches("HTTP/1.1 503").count(), 3);
        let paths: Vec<_> = proxy.requests().into_iter().map(|seen| seen.path).collect();
        assert_eq!(paths, ["/a", "/a", "/b"]);
    }
}
