use std::fmt;
use std::sync::Arc;

use datastore_s3::{Access, Bucket, ObjectDatastore, ObjectOptions};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use s3_testing::{Credentials, RealServer, S3Server};

use crate::Result;

/// The server to measure against: the one that the environment names, or one in this process.
#[derive(Debug)]
pub struct BenchServer(Server);

#[derive(Debug)]
enum Server {
    Real(RealServer),
    Own(S3Server),
}

impl BenchServer {
    /// Finds or starts it.
    pub fn start() -> Self {
        Self(match RealServer::from_env() {
            Some(server) => Server::Real(server),
            None => Server::Own(S3Server::start()),
        })
    }

    /// How it is called in names.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Server::Real(_) => "s3-real",
            Server::Own(_) => "s3",
        }
    }

    /// `object_store` as it comes.
    ///
    /// # Errors
    /// Those of the client.
    pub fn raw(&self) -> Result<Arc<AmazonS3>> {
        let options = ClientOptions::new().with_allow_http(true);
        Ok(Arc::new(self.builder().with_client_options(options).build()?))
    }

    /// Our store below a prefix.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(&self, prefix: &str, concurrency: usize) -> Result<ObjectDatastore> {
        let options = ObjectOptions::new().prefix(prefix).access(Access::Shared);
        Ok(options.concurrency(concurrency).open(Bucket::s3(self.builder())?).await?)
    }

    fn builder(&self) -> AmazonS3Builder {
        let (endpoint, region, bucket, credentials) = match &self.0 {
            Server::Real(server) => (
                server.endpoint().to_owned(),
                server.region(),
                server.bucket(),
                server.credentials(),
            ),
            Server::Own(server) => {
                (server.endpoint(), server.region(), server.bucket(), server.credentials())
            }
        };
        let Credentials { access_key, secret_key } = credentials;
        AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region(region)
            .with_bucket_name(bucket)
            .with_access_key_id(access_key)
            .with_secret_access_key(secret_key)
    }
}

impl fmt::Display for BenchServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Server::Real(server) => write!(f, "the server at {}", server.endpoint()),
            Server::Own(_) => f.write_str("a server in this process, over memory"),
        }
    }
}
