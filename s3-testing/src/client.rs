//! A client for what `object_store` has no words for.

use std::io;
use std::thread;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use tokio::runtime::Builder;

use crate::credentials::Credentials;
use crate::upstream;

/// Sends single requests, signed, as they are given: conditions on deletions, policies of buckets, names
/// that `object_store` cannot express.
#[derive(Clone, Debug)]
pub struct SignedClient {
    endpoint: String,
    region: String,
    credentials: Credentials,
}

impl SignedClient {
    /// A client of the server at this endpoint, which is spoken to without TLS.
    pub fn new(endpoint: &str, region: &str, credentials: &Credentials) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials: credentials.clone(),
        }
    }

    /// Sends a request and blocks until the whole reply is there.
    ///
    /// The target is path and query, encoded as S3 signs it: every byte but letters, digits and `-._~/`
    /// as `%HH`, and no segment `.` or `..`.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not answer with HTTP; if target or headers are none.
    pub fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> io::Result<Response<Bytes>> {
        let request = self.sign(method, target, headers, body.into())?;
        let address = upstream::address(&self.endpoint);
        let exchange = move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(upstream::send(&address, request))
        };
        // On a thread of its own, since the caller may be inside a runtime.
        let reply = thread::spawn(exchange).join();
        reply.unwrap_or_else(|_| Err(io::Error::other("the thread that sent the request panicked")))
    }

    fn sign(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> io::Result<Request<Bytes>> {
        let Credentials { access_key, secret_key } = self.credentials.clone();
        let credential = AwsCredential { key_id: access_key, secret_key, token: None };
        let mut request =
            Request::builder().method(method).uri(format!("{}{target}", self.endpoint));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.clone().into()).map_err(io::Error::other)?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .try_authorize(&mut request, None)
            .map_err(io::Error::other)?;

        let (mut head, _) = request.into_parts();
        let host = HeaderValue::from_str(&upstream::address(&self.endpoint));
        head.headers.insert(HOST, host.map_err(io::Error::other)?);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        head.uri = target.parse().map_err(io::Error::other)?;
        Ok(Request::from_parts(head, body))
    }
}
