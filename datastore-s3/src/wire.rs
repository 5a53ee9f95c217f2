//! What passes between `object_store` and the network.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService, ReqwestConnector,
};
use object_store::signer::Method;

use crate::listing;
use crate::refusal::Refusal;

/// Makes typed errors of refusals, which `object_store` hands on as text, secrets included; reads
/// listings whole, as they are; and looks into answers that say "200" above an error.
#[derive(Debug)]
pub(crate) struct Wire(HttpClient);

impl Wire {
    /// A client with one pool of connections.
    pub(crate) fn client(options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self(ReqwestConnector::default().connect(options)?)))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let lists = *request.method() == Method::GET && is_listing(request.uri().query());
        let posts = *request.method() == Method::POST;
        let response = self.0.execute(request).await?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) && status != NOT_MODIFIED {
            return Err(refused(refusal(response).await));
        }
        if lists {
            return read_listing(response).await;
        }
        if posts {
            return look_for_error(response).await;
        }
        Ok(response)
    }
}

const NOT_MODIFIED: u16 = 304;

fn is_listing(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part == "list-type=2"))
}

async fn refusal(response: HttpResponse) -> Refusal {
    let status = response.status().as_u16();
    let region = response.headers().get("x-amz-bucket-region");
    let region = region.and_then(|region| region.to_str().ok()).map(str::to_owned);
    let mut start = BytesMut::new();
    let mut body = response.into_body().bytes_stream();
    // A body that breaks off leaves the status, which says most of it.
    while let Ok(Some(part)) = body.try_next().await {
        start.extend_from_slice(&part);
        if start.len() > Refusal::MAX_BODY {
            break;
        }
    }
    Refusal::new(status, region, &start)
}

fn refused(refusal: Refusal) -> HttpError {
    let kind = if refusal.is_transient() { PASSING } else { FOR_GOOD };
    HttpError::new(kind, refusal)
}

/// What refusals are to a [`RetryPolicy`](object_store::retry::RetryPolicy), which sees the kind alone.
const PASSING: HttpErrorKind = HttpErrorKind::Interrupted;
pub(crate) const FOR_GOOD: HttpErrorKind = HttpErrorKind::Unknown;

/// Leaves the listing with the response, and an empty one in place of its body.
async fn read_listing(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (mut parts, body) = response.into_parts();
    let body = body.bytes().await?;
    if Refusal::is_body(&body) {
        return Err(refused(Refusal::new(parts.status.as_u16(), None, &body)));
    }
    let listing = listing::parse(&body)
        .map_err(|what| HttpError::new(HttpErrorKind::Decode, Malformed(what)))?;
    parts.extensions.insert(Arc::new(listing));
    let nothing = Bytes::from_static(b"<ListBucketResult/>");
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(nothing)))
}

async fn look_for_error(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = body.bytes().await?;
    // Answers to bulk deletes hold an `Error` for each key that stays: those are read elsewhere.
    if Refusal::is_body(&body) && !body.windows(DELETED.len()).any(|window| window == DELETED) {
        return Err(refused(Refusal::new(parts.status.as_u16(), None, &body)));
    }
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body)))
}

const DELETED: &[u8] = b"DeleteResult";

/// Hands out one client, so that all requests share its connections.
#[derive(Clone, Debug)]
pub(crate) struct OneClient(pub(crate) HttpClient);

impl HttpConnector for OneClient {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

/// An answer that is not what was asked for.
#[derive(Debug)]
struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a malformed answer: {}", self.0)
    }
}

impl std::error::Error for Malformed {}
