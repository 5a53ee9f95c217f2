//! An S3 server in this process.

mod listing;
mod objects;
mod protocol;
mod service;
mod uploads;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};

use crate::background::Background;
use crate::client::SignedClient;
use crate::credentials::Credentials;

pub use objects::StoredObject;

use objects::{Attributes, Bucket};
use service::Service;
use users::Users;

/// An S3 server over memory, on loopback, with a thread of its own; it ends when this is dropped.
///
/// It checks signatures, keeps conditions atomically, lists in byte order, and has one bucket from the start.
///
/// # Examples
/// ```
/// let server = s3_testing::S3Server::start();
/// server.put_raw("a//b", "no client of ours would write this");
/// assert_eq!(server.names(), ["a//b"]);
/// ```
#[derive(Debug)]
pub struct S3Server {
    background: Background,
    users: Users,
    buckets: Arc<Buckets>,
}

/// What a server does otherwise than Amazon's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// `If-Match` and `If-None-Match` of a PUT (of whole objects, of copies, of multipart uploads) are
    /// ignored, as Garage does.
    pub ignores_conditions: bool,
    /// `If-Match` of a DELETE is ignored, as Ceph does up to its release of 2025.
    pub ignores_delete_conditions: bool,
    /// Deleting in bulk is `501 NotImplemented`.
    pub no_bulk_delete: bool,
    /// An ETag in quotes never matches, as with Ceph.
    pub unquoted_etags_only: bool,
}

/// All that the server keeps.
#[derive(Debug, Default)]
struct Buckets(Mutex<BTreeMap<String, Bucket>>);

impl S3Server {
    /// Starts a server that does as Amazon's does.
    ///
    /// # Panics
    /// If nothing can listen on loopback.
    pub fn start() -> Self {
        Self::start_with(Oddities::default())
    }

    /// Starts a server with oddities.
    ///
    /// # Panics
    /// If nothing can listen on loopback.
    pub fn start_with(oddities: Oddities) -> Self {
        let users = Users {
            full: Credentials::new("full-access-key", "full-secret-key"),
            limited: Credentials::new("limited-access-key", "limited-secret-key"),
        };
        let buckets = Arc::new(Buckets::default());
        let service = {
            let service = Service::new(Arc::clone(&buckets), users.clone(), oddities);
            let mut builder = S3ServiceBuilder::new(service);
            builder.set_auth(users.clone());
            builder.set_access(users.clone());
            builder.build()
        };
        let background = Background::listen("s3-server", move |stream| {
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            async move {
                // A client that goes away is no concern of the server's.
                let _ = connection.await;
            }
        });
        let background = background.expect("a server can listen on loopback");
        let server = Self { background, users, buckets };
        server.another_bucket(server.bucket());
        server
    }

    /// The URL of the server, without a bucket: address objects by path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.background.address())
    }

    /// The bucket that was there from the start.
    pub fn bucket(&self) -> &'static str {
        "test-bucket"
    }

    /// The region.
    pub fn region(&self) -> &'static str {
        "us-east-1"
    }

    /// The keys of a user who may do everything.
    pub fn credentials(&self) -> &Credentials {
        &self.users.full
    }

    /// The keys of a user who may read, write and delete objects, but not list them. Such a user is told
    /// `403 AccessDenied` instead of 404 about an object that is not there.
    pub fn limited_credentials(&self) -> &Credentials {
        &self.users.limited
    }

    /// A client for what `object_store` has no words for.
    pub fn client(&self) -> SignedClient {
        SignedClient::new(&self.endpoint(), self.region(), self.credentials())
    }

    /// Makes another bucket, unless it is there.
    pub fn another_bucket(&self, name: &str) {
        self.buckets.0.lock().entry(name.to_owned()).or_default();
    }

    /// Writes an object of any name, past HTTP and its rules for names.
    pub fn put_raw(&self, name: &str, bytes: impl Into<Bytes>) {
        let object = StoredObject::new(bytes.into(), Attributes::default());
        self.in_bucket(|bucket| bucket.objects.insert(name.to_owned(), object));
    }

    /// Deletes an object past HTTP; `false` if it was not there.
    pub fn delete_raw(&self, name: &str) -> bool {
        self.in_bucket(|bucket| bucket.objects.remove(name)).is_some()
    }

    /// The names of all objects in the bucket, in byte order.
    pub fn names(&self) -> Vec<String> {
        self.in_bucket(|bucket| bucket.objects.keys().cloned().collect())
    }

    /// The object of this name in the bucket.
    pub fn object(&self, name: &str) -> Option<StoredObject> {
        self.in_bucket(|bucket| bucket.objects.get(name).cloned())
    }

    /// The names of the objects whose multipart uploads were begun and neither completed nor aborted.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        self.in_bucket(|bucket| bucket.uploads.names())
    }

    fn in_bucket<T>(&self, look: impl FnOnce(&mut Bucket) -> T) -> T {
        look(self.buckets.0.lock().entry(self.bucket().to_owned()).or_default())
    }
}

impl Buckets {
    fn bucket(&self, name: &str) -> S3Result<MappedMutexGuard<'_, Bucket>> {
        MutexGuard::try_map(self.0.lock(), |buckets| buckets.get_mut(name))
            .map_err(|_| s3_error!(NoSuchBucket, "there is no such bucket"))
    }
}
