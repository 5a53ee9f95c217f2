//! Clients of the servers under test.

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ClientOptions, RetryConfig};
use s3_testing::{Credentials, S3Server};

/// `object_store` on the server's own bucket.
pub(crate) fn client(server: &S3Server) -> AmazonS3 {
    builder(&server.endpoint(), server.bucket(), server.credentials()).build().unwrap()
}

/// `object_store` without retries, so that a test sees what the server said.
pub(crate) fn builder(endpoint: &str, bucket: &str, user: &Credentials) -> AmazonS3Builder {
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(&user.access_key)
        .with_secret_access_key(&user.secret_key)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_retry(retry)
}
