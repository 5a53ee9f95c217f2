//! A real server, where the environment names one.

use std::env;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use datastore::{Clock, SystemClock};
use hyper::{Method, StatusCode};

use crate::client::SignedClient;
use crate::credentials::Credentials;

/// A real S3 server, with a fresh bucket. `scripts/ceph-rgw` starts one and sets the environment.
///
/// | variable | |
/// |---|---|
/// | `S3_TEST_ENDPOINT` | `http://HOST:PORT` |
/// | `S3_TEST_ACCESS_KEY`, `S3_TEST_SECRET_KEY` | of a user who may make buckets |
/// | `S3_TEST_LIMITED_ACCESS_KEY`, `S3_TEST_LIMITED_SECRET_KEY` | of another user |
/// | `S3_TEST_REGION` | `us-east-1` if it is not set |
/// | `REQUIRE_S3_SERVER` | `1`: no server is a failure, not a reason to skip a test |
#[derive(Debug)]
pub struct RealServer {
    endpoint: String,
    region: String,
    bucket: String,
    credentials: Credentials,
    limited: Credentials,
}

impl RealServer {
    /// The server that the environment names, with a fresh bucket; without one, says on the standard
    /// error that the test is skipped.
    ///
    /// # Panics
    /// If there has to be a server and there is none, or it is named and does not make a bucket.
    pub fn from_env() -> Option<Self> {
        let Ok(endpoint) = env::var("S3_TEST_ENDPOINT") else {
            let required = env::var_os("REQUIRE_S3_SERVER").is_some_and(|value| value == "1");
            assert!(!required, "REQUIRE_S3_SERVER is set, but S3_TEST_ENDPOINT is not");
            eprintln!("skipped: S3_TEST_ENDPOINT names no real server");
            return None;
        };
        let server = Self {
            endpoint,
            region: env::var("S3_TEST_REGION").unwrap_or_else(|_| "us-east-1".to_owned()),
            bucket: fresh_name(),
            credentials: credentials("S3_TEST_ACCESS_KEY", "S3_TEST_SECRET_KEY"),
            limited: credentials("S3_TEST_LIMITED_ACCESS_KEY", "S3_TEST_LIMITED_SECRET_KEY"),
        };
        server.put_on_bucket("", "");
        Some(server)
    }

    /// The URL of the server, without a bucket: address objects by path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The fresh bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The keys of the user to whom the bucket belongs.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The keys of a user who may from now on read, write and delete the objects of the bucket, but not
    /// list them. Ceph lets such a user delete one by one, and not in bulk.
    ///
    /// # Panics
    /// If the server does not accept the policy that says so.
    pub fn limited_credentials(&self) -> &Credentials {
        let bucket = &self.bucket;
        self.put_on_bucket(
            "?policy",
            &format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["*"]}},
                "Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],
                "Resource":["arn:aws:s3:::{bucket}/*"]}}]}}"#
            ),
        );
        &self.limited
    }

    /// Has the bucket keep all versions of its objects.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn keep_versions(&self) {
        self.put_on_bucket(
            "?versioning",
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Status>Enabled</Status></VersioningConfiguration>",
        );
    }

    /// The names of the objects whose multipart uploads were begun and neither completed nor aborted, as
    /// the server's list spells them.
    ///
    /// # Panics
    /// If the server does not list them.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        let target = format!("/{}?uploads=", self.bucket);
        let reply = self.client().send(Method::GET, &target, &[], "");
        let reply = reply.expect("the server that S3_TEST_ENDPOINT names answers");
        assert_eq!(reply.status(), StatusCode::OK, "GET {target}: {:?}", reply.body());
        let list = String::from_utf8_lossy(reply.body());
        let names = list.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        names.map(|(name, _)| name.to_owned()).collect()
    }

    /// A client for what `object_store` has no words for.
    pub fn client(&self) -> SignedClient {
        SignedClient::new(&self.endpoint, &self.region, &self.credentials)
    }

    fn put_on_bucket(&self, parameter: &str, body: &str) {
        let target = format!("/{}{parameter}", self.bucket);
        let reply = self.client().send(Method::PUT, &target, &[], body.to_owned());
        let reply = reply.expect("the server that S3_TEST_ENDPOINT names answers");
        let done = matches!(reply.status(), StatusCode::OK | StatusCode::NO_CONTENT);
        assert!(done, "PUT {target}: {} {:?}", reply.status(), reply.body());
    }
}

fn credentials(access_key: &str, secret_key: &str) -> Credentials {
    let [access_key, secret_key] = [access_key, secret_key].map(|name| {
        let value = env::var(name);
        value.expect("S3_TEST_ENDPOINT comes with the keys of two users")
    });
    Credentials { access_key, secret_key }
}

/// A name that no other test has, in this process or another.
fn fresh_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemClock::new().now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{}-{number}", process::id(), now.as_micros())
}
