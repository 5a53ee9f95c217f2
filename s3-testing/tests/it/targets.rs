//! The servers that tests run on: the one in this process, and a real one.

use object_store::aws::AmazonS3;
use s3_testing::{Credentials, FaultProxy, RealServer, S3Server, SignedClient};

use crate::clients::builder;

/// A server with a bucket.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    pub(crate) credentials: Credentials,
    pub(crate) server: Server,
}

/// What is behind the endpoint.
#[derive(Debug)]
pub(crate) enum Server {
    InProcess(S3Server),
    Real(RealServer),
}

/// The server in this process, and the real one if the environment names it.
pub(crate) fn targets() -> Vec<Target> {
    let server = S3Server::start();
    let mut targets = vec![Target {
        endpoint: server.endpoint(),
        bucket: server.bucket().to_owned(),
        credentials: server.credentials().clone(),
        server: Server::InProcess(server),
    }];
    targets.extend(RealServer::from_env().map(|server| Target {
        endpoint: server.endpoint().to_owned(),
        bucket: server.bucket().to_owned(),
        credentials: server.credentials().clone(),
        server: Server::Real(server),
    }));
    targets
}

impl Target {
    pub(crate) fn proxy(&self) -> FaultProxy {
        FaultProxy::start(&self.endpoint)
    }

    /// `object_store` on this server, past any proxy.
    pub(crate) fn direct(&self) -> AmazonS3 {
        self.client(&self.endpoint)
    }

    /// `object_store` through a proxy.
    pub(crate) fn through(&self, proxy: &FaultProxy) -> AmazonS3 {
        self.client(&proxy.endpoint())
    }

    /// Single requests through a proxy.
    pub(crate) fn requests_through(&self, proxy: &FaultProxy) -> SignedClient {
        SignedClient::new(&proxy.endpoint(), "us-east-1", &self.credentials)
    }

    /// The keys of a user who may not list.
    pub(crate) fn limited(&self) -> &Credentials {
        match &self.server {
            Server::InProcess(server) => server.limited_credentials(),
            Server::Real(server) => server.limited_credentials(),
        }
    }

    pub(crate) fn unfinished_uploads(&self) -> Vec<String> {
        match &self.server {
            Server::InProcess(server) => server.unfinished_uploads(),
            Server::Real(server) => server.unfinished_uploads(),
        }
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self.server, Server::Real(_))
    }

    /// The path of an object on the wire.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("/{}/{name}", self.bucket)
    }

    fn client(&self, endpoint: &str) -> AmazonS3 {
        builder(endpoint, &self.bucket, &self.credentials).build().unwrap()
    }
}
