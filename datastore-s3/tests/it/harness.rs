//! A store behind a proxy that counts requests and injects faults.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use datastore::{Batch, Conditions, Datastore, DatastoreExt, Key, Op};
use datastore_s3::{Access, Bucket, ObjectDatastore, ObjectOptions, Retry};
use object_store::aws::AmazonS3Builder;
use s3_testing::{Credentials, FaultProxy, Matcher, Method, Oddities, S3Server, Seen};

/// A server, and a proxy before it.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) server: S3Server,
    pub(crate) proxy: FaultProxy,
}

/// What the stores of tests lie below.
pub(crate) const PREFIX: &str = "t";

/// How often a request is tried again here.
pub(crate) const RETRIES: usize = 4;

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Oddities::default())
    }

    pub(crate) fn with(oddities: Oddities) -> Self {
        let server = S3Server::start_with(oddities);
        let proxy = FaultProxy::start(&server.endpoint());
        Self { server, proxy }
    }

    /// The settings of a client that goes through the proxy.
    pub(crate) fn builder(&self) -> AmazonS3Builder {
        builder(&self.proxy.endpoint(), self.server.bucket(), self.server.credentials())
    }

    pub(crate) fn bucket(&self) -> Bucket {
        Bucket::s3(self.builder()).unwrap()
    }

    /// A store beside others, opened through the proxy; what that cost is not in the log.
    pub(crate) async fn store(&self) -> ObjectDatastore {
        self.open(options()).await
    }

    pub(crate) async fn open(&self, options: ObjectOptions) -> ObjectDatastore {
        let store = options.open(self.bucket()).await.unwrap();
        self.proxy.clear();
        store
    }

    /// A store with these keys, each of them its own value.
    pub(crate) async fn filled(&self, keys: &[Key]) -> ObjectDatastore {
        let store = self.store().await;
        fill(&store, keys).await;
        self.proxy.clear();
        store
    }

    /// Another store, past the log's clearing.
    pub(crate) async fn store_beside(&self) -> ObjectDatastore {
        options().open(self.bucket()).await.unwrap()
    }

    /// How many requests of each kind were made since the last look.
    pub(crate) fn asked(&self) -> Vec<(&'static str, usize)> {
        let mut asked = BTreeMap::new();
        for seen in self.proxy.requests() {
            *asked.entry(kind(&seen)).or_default() += 1;
        }
        self.proxy.clear();
        asked.into_iter().collect()
    }

    /// The names below the prefix that are not the store's own, in order, without the prefix.
    pub(crate) fn names(&self) -> Vec<String> {
        let below = format!("{PREFIX}/");
        let names = self.server.names();
        let names = names.iter().filter_map(|name| name.strip_prefix(&below));
        names.filter(|name| !name.starts_with("~~")).map(str::to_owned).collect()
    }
}

/// Beside others, with conditions that need not be tried out, and little patience.
pub(crate) fn options() -> ObjectOptions {
    ObjectOptions::new()
        .prefix(PREFIX)
        .access(Access::Shared)
        .conditions(Conditions::SingleKey)
        .retry(retry())
}

pub(crate) fn retry() -> Retry {
    let retries = u32::try_from(RETRIES).unwrap();
    Retry::new().retries(retries).backoff(Duration::from_millis(1), Duration::from_millis(10))
}

pub(crate) fn builder(endpoint: &str, bucket: &str, user: &Credentials) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(&user.access_key)
        .with_secret_access_key(&user.secret_key)
}

/// Keys in order.
pub(crate) fn keys(count: usize) -> Vec<Key> {
    (0..count).map(|number| Key::new(format!("/k/{number:06}")).unwrap()).collect()
}

/// A batch that puts each key as its own value.
pub(crate) fn puts(keys: &[Key]) -> Batch {
    keys.iter().map(|key| Op::Put { key: key.clone(), value: key.to_bytes() }).collect()
}

pub(crate) fn deletes(keys: &[Key]) -> Batch {
    keys.iter().map(|key| Op::Delete { key: key.clone() }).collect()
}

pub(crate) async fn fill(store: &impl Datastore, keys: &[Key]) {
    store.commit(puts(keys)).await.unwrap();
}

/// The value of a key, whole.
pub(crate) async fn value(store: &impl Datastore, key: &Key) -> Option<Bytes> {
    store.get(key).await.unwrap()
}

/// An error and all that caused it, in every form in which it may be printed.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut chain = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        chain.push_str(&format!("{error}\n{error:?}\n{error:#?}\n"));
        next = error.source();
    }
    chain
}

pub(crate) fn gets() -> Matcher {
    Matcher::method(Method::GET).without_parameter("list-type")
}

pub(crate) fn lists() -> Matcher {
    Matcher::method(Method::GET).parameter("list-type")
}

pub(crate) fn heads() -> Matcher {
    Matcher::method(Method::HEAD)
}

/// Puts of whole objects.
pub(crate) fn whole_puts() -> Matcher {
    Matcher::method(Method::PUT).without_parameter("uploadId")
}

pub(crate) fn parts() -> Matcher {
    Matcher::method(Method::PUT).parameter("uploadId")
}

/// Deletes of one object.
pub(crate) fn single_deletes() -> Matcher {
    Matcher::method(Method::DELETE).without_parameter("uploadId")
}

pub(crate) fn bulk_deletes() -> Matcher {
    Matcher::method(Method::POST).parameter("delete")
}

fn kind(seen: &Seen) -> &'static str {
    let upload = seen.has_parameter("uploadId");
    match seen.method.as_str() {
        "GET" if seen.has_parameter("list-type") => "LIST",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" if upload => "PART",
        "PUT" => "PUT",
        "DELETE" if upload => "ABORT",
        "DELETE" => "DELETE",
        "POST" if seen.has_parameter("delete") => "BULK",
        "POST" if seen.has_parameter("uploads") => "BEGIN",
        "POST" if upload => "COMPLETE",
        _ => "OTHER",
    }
}
