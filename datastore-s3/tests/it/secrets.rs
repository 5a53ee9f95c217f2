//! What is printed holds no secrets.

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Error, Query, Version, key};
use datastore_s3::{Access, Bucket};
use s3_testing::{Answer, Fault, Matcher, StatusCode};

use crate::harness::{Rig, chain, deletes, keys, options, retry};

const TOKEN: &str = "the-session-token";

/// Every operation once; what they fail with.
async fn errors(store: &impl Datastore) -> Vec<Error> {
    let a = key!("/a");
    let version = Version::of_tag("\"0123\"");
    let results = [
        store.get(&a).await.map(drop),
        store.get_range(&a, 0, 1).await.map(drop),
        store.has(&a).await.map(drop),
        store.query_page(&Query::all()).await.map(drop),
        store.put(&a, "1").await,
        store.put(&a, vec![0; (5 << 20) + 1]).await,
        store.delete(&a).await,
        store.commit(deletes(&keys(3))).await,
        store.commit(Batch::new().put(a.clone(), "1").absent(a.clone())).await,
        store.commit(Batch::new().put(a.clone(), "1").unchanged(a.clone(), version.clone())).await,
        store.commit(Batch::new().delete(a.clone()).unchanged(a.clone(), version)).await,
        store.check().await.map(drop),
        store.disk_usage().await.map(drop),
    ];
    results.into_iter().filter_map(Result::err).collect()
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_a_secret() {
    let rig = Rig::new();
    let secret = rig.server.credentials().secret_key.clone();
    let bucket = Bucket::s3(rig.builder().with_token(TOKEN)).unwrap();
    let options = || options().part_bytes(5 << 20).retry(retry().retries(0));
    rig.store().await;
    let mut printed = format!("{bucket:?} {bucket:#?} {bucket} {:?}", options());
    // The bodies of real refusals repeat the request.
    let echo = "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message>\
        <StringToSign>SIGNED</StringToSign><SignatureProvided>SIGNED</SignatureProvided></Error>";
    let faults = [
        Fault::Reset,
        Fault::Answer(Answer::internal_error()),
        Fault::Answer(Answer::access_denied()),
        Fault::Answer(Answer::expired_token()),
        Fault::Answer(Answer::permanent_redirect("eu-west-3")),
        Fault::Answer(Answer::error(StatusCode::NOT_FOUND, "NoSuchBucket")),
        Fault::Garble(Bytes::from_static(echo.as_bytes())),
        Fault::Truncate(3),
    ];
    let mut failed = 0;
    for fault in faults {
        let store = options().open(bucket.clone()).await.unwrap();
        rig.proxy.on(Matcher::any(), fault.clone());
        let errors = errors(&store).await;
        failed += errors.len();
        for error in &errors {
            printed.push_str(&chain(error));
        }
        printed.push_str(&format!("{store:?}"));
        for access in [Access::Write, Access::Read] {
            if let Err(error) = options().access(access).open(bucket.clone()).await {
                printed.push_str(&chain(&error));
                failed += 1;
            }
        }
        rig.proxy.heal();
    }
    assert!(failed > 80, "{failed} errors");

    let mut secrets = vec![secret, TOKEN.to_owned(), "SIGNED".to_owned()];
    secrets.extend(["Signature=", "X-Amz-", "x-amz-security-token"].map(str::to_owned));
    for seen in rig.proxy.requests() {
        let signature =
            seen.header("authorization").and_then(|header| header.split("Signature=").nth(1));
        secrets.extend(signature.map(str::to_owned));
        let query = seen.query.as_deref().unwrap_or_default();
        let signature = query.split('&').find_map(|part| part.strip_prefix("X-Amz-Signature="));
        secrets.extend(signature.map(str::to_owned));
    }
    assert!(secrets.len() > 80, "{} secrets", secrets.len());
    for secret in secrets {
        let found = printed.find(&secret);
        let around = found.map(|at| &printed[at.saturating_sub(200)..at]);
        assert_eq!(around, None, "what follows is {secret}");
    }
}

#[tokio::test]
async fn settings_that_do_not_work_are_refused_without_secrets() {
    let rig = Rig::new();
    let endpoint = "http://user:password-in-url@127.0.0.1:1";
    let bucket = Bucket::s3(rig.builder().with_endpoint(endpoint).with_token(TOKEN)).unwrap();
    let error = options().retry(retry().retries(0)).open(bucket.clone()).await.unwrap_err();
    let printed = format!("{bucket:?} {bucket} {}", chain(&error));
    for secret in ["password-in-url", TOKEN, &rig.server.credentials().secret_key] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
