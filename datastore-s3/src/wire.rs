//! What passes between `object_store` and the network.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpResponse, HttpResponseBody, HttpService, ReqwestConnector,
};
use object_store::signer::Method;

use crate::refusal::Refusal;
use crate::{bulk_delete, listing, runtime};

/// Makes typed errors of refusals, which `object_store` hands on as text, secrets included; reads
/// listings whole, as they are; and looks into answers that say "200" above an error, or above less than
/// was asked for.
#[derive(Debug)]
pub(crate) struct Wire {
    /// For requests on the runtimes of callers.
    callers: HttpClient,
    /// For requests on the thread of this crate: a connection is driven where it was made, and stands still
    /// with a runtime that nobody drives.
    ours: HttpClient,
}

impl Wire {
    /// A client with a pool of connections for callers, and one for the thread of this crate.
    pub(crate) fn client(options: &ClientOptions) -> object_store::Result<HttpClient> {
        let connect = || ReqwestConnector::default().connect(options);
        Ok(HttpClient::new(Self { callers: connect()?, ours: connect()? }))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let lists = *request.method() == Method::GET && is_listing(request.uri().query());
        let posts = *request.method() == Method::POST;
        let deletes = posts && has_parameter(request.uri().query(), "delete");
        let completes = posts && has_parameter(request.uri().query(), "uploadId");
        let asked = request.body().as_bytes().filter(|_| deletes).cloned();
        let client = if runtime::is_ours() { &self.ours } else { &self.callers };
        let response = client.execute(request).await?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) && status != NOT_MODIFIED {
            return Err(refused(refusal(response).await));
        }
        if lists {
            return read_listing(response).await;
        }
        if posts {
            return look_for_error(response, asked, completes).await;
        }
        Ok(response)
    }
}

const NOT_MODIFIED: u16 = 304;

fn is_listing(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part == "list-type=2"))
}

fn has_parameter(query: Option<&str>, name: &str) -> bool {
    let named = |part: &str| part.split_once('=').map_or(part, |(name, _)| name) == name;
    query.is_some_and(|query| query.split('&').any(named))
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
    let body = whole(body).await?;
    if Refusal::is_body(&body) {
        return Err(refused(Refusal::new(parts.status.as_u16(), None, &body)));
    }
    let listing = listing::parse(&body).map_err(malformed)?;
    parts.extensions.insert(Arc::new(listing));
    let nothing = Bytes::from_static(b"<ListBucketResult/>");
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(nothing)))
}

async fn look_for_error(
    response: HttpResponse,
    deletes: Option<Bytes>,
    completes: bool,
) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = whole(body).await?;
    // Answers to bulk deletes hold an `Error` for each key that stays: those are read elsewhere.
    if Refusal::is_body(&body) && !body.windows(DELETED.len()).any(|window| window == DELETED) {
        return Err(refused(Refusal::new(parts.status.as_u16(), None, &body)));
    }
    let body = match deletes {
        Some(asked) => {
            bulk_delete::answer(&bulk_delete::left(&asked, &body).map_err(malformed)?).into()
        }
        // The names in it may read like errors, too.
        None if completes && body.windows(COMPLETED.len()).any(|window| window == COMPLETED) => {
            Bytes::from_static(UPLOADED)
        }
        None if completes => {
            return Err(malformed("it does not say that the upload is complete".into()));
        }
        None => body,
    };
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(body)))
}

/// A body of an answer, which is one of XML and no value.
async fn whole(body: HttpResponseBody) -> Result<Bytes, HttpError> {
    let mut whole = BytesMut::new();
    let mut parts = body.bytes_stream();
    while let Some(part) = parts.try_next().await? {
        if whole.len() + part.len() > MAX_BODY {
            let what = format!("more than {MAX_BODY} bytes");
            return Err(HttpError::new(HttpErrorKind::Decode, Malformed(what)));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

/// Four times what a listing of 1,000 objects with the longest names has, each byte of them escaped.
const MAX_BODY: usize = 32 << 20;

const DELETED: &[u8] = b"DeleteResult";
const COMPLETED: &[u8] = b"<CompleteMultipartUploadResult";
const UPLOADED: &[u8] =
    b"<CompleteMultipartUploadResult><ETag>\"\"</ETag></CompleteMultipartUploadResult>";

/// Hands out one client, so that all requests share its connections; those for the credentials of a machine
/// or a container go unencrypted to an address inside of it, which a client of their own may do.
#[derive(Clone, Debug)]
pub(crate) struct OneClient {
    pub(crate) client: HttpClient,
    pub(crate) plain: bool,
}

impl HttpConnector for OneClient {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let wants_plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        if !self.plain && wants_plain.as_deref() == Some("true") {
            return Wire::client(options);
        }
        Ok(self.client.clone())
    }
}

fn malformed(what: String) -> HttpError {
    HttpError::new(HttpErrorKind::Decode, Malformed(what))
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
