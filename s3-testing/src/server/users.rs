//! Who may do what.

use async_trait::async_trait;
use s3s::access::S3Access;
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{ListObjectsInput, ListObjectsV2Input};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};

use crate::credentials::Credentials;

/// The two users of the server.
#[derive(Clone, Debug)]
pub(super) struct Users {
    pub(super) full: Credentials,
    /// May read, write and delete objects, but not list them, and hence not learn that one is missing.
    pub(super) limited: Credentials,
}

impl Users {
    /// What this user is told when an operation failed: who may not list gets no 404 for an object.
    pub(super) fn hide<T>(&self, request: &S3Request<T>, error: S3Error) -> S3Error {
        if *error.code() == S3ErrorCode::NoSuchKey && self.is_limited(request) {
            denied()
        } else {
            error
        }
    }

    fn is_limited<T>(&self, request: &S3Request<T>) -> bool {
        let user = request.credentials.as_ref();
        user.is_some_and(|user| user.access_key == self.limited.access_key)
    }

    fn require_full<T>(&self, request: &S3Request<T>) -> S3Result<()> {
        if self.is_limited(request) { Err(denied()) } else { Ok(()) }
    }
}

#[async_trait]
impl S3Auth for Users {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        [&self.full, &self.limited]
            .into_iter()
            .find(|user| user.access_key == access_key)
            .map(|user| SecretKey::from(user.secret_key.as_str()))
            .ok_or_else(|| s3_error!(InvalidAccessKeyId, "nobody has this access key"))
    }
}

#[async_trait]
impl S3Access for Users {
    async fn list_objects(&self, request: &mut S3Request<ListObjectsInput>) -> S3Result<()> {
        self.require_full(request)
    }

    async fn list_objects_v2(&self, request: &mut S3Request<ListObjectsV2Input>) -> S3Result<()> {
        self.require_full(request)
    }
}

fn denied() -> S3Error {
    s3_error!(AccessDenied, "this user may not")
}
