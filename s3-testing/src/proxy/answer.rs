//! Answers of the proxy's own, in the words of S3.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

/// A status with an error of S3 as its body.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    code: String,
    /// More elements of the body, as XML.
    details: String,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// An error of this code.
    pub fn error(status: StatusCode, code: &str) -> Self {
        Self { status, code: code.to_owned(), details: String::new(), headers: Vec::new() }
    }

    /// `503 SlowDown`: too many requests.
    pub fn slow_down() -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")
    }

    /// `500 InternalError`.
    pub fn internal_error() -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
    }

    /// `400 RequestTimeout`: the body of the request took too long to come.
    pub fn request_timeout() -> Self {
        Self::error(StatusCode::BAD_REQUEST, "RequestTimeout")
    }

    /// `403 AccessDenied`.
    pub fn access_denied() -> Self {
        Self::error(StatusCode::FORBIDDEN, "AccessDenied")
    }

    /// `403 RequestTimeTooSkewed`: the clocks of client and server differ.
    pub fn request_time_too_skewed() -> Self {
        Self::error(StatusCode::FORBIDDEN, "RequestTimeTooSkewed")
    }

    /// `400 ExpiredToken`: temporary credentials that are no longer good.
    pub fn expired_token() -> Self {
        Self::error(StatusCode::BAD_REQUEST, "ExpiredToken")
    }

    /// `301 PermanentRedirect`: the bucket is in this region.
    pub fn permanent_redirect(region: &str) -> Self {
        let headers = vec![("x-amz-bucket-region", region.to_owned())];
        Self { headers, ..Self::error(StatusCode::MOVED_PERMANENTLY, "PermanentRedirect") }
    }

    /// `400 AuthorizationHeaderMalformed`: signed for another region than this one.
    pub fn wrong_region(region: &str) -> Self {
        let details = format!("<Region>{region}</Region>");
        Self { details, ..Self::error(StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed") }
    }

    /// `200 OK` with an error as its body, as copies, bulk deletions and completed uploads have it.
    pub fn error_with_ok(code: &str) -> Self {
        Self::error(StatusCode::OK, code)
    }

    /// The same with another status, such as 403 for an expired token.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The answer as a reply to a request.
    pub(super) fn reply(&self) -> Response<Bytes> {
        let Self { status, code, details, headers } = self;
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>injected by the proxy</Message>{details}<RequestId>proxy</RequestId></Error>"
        );
        let mut reply = Response::new(Bytes::from(body));
        *reply.status_mut() = *status;
        let map = reply.headers_mut();
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                map.insert(HeaderName::from_static(name), value);
            }
        }
        reply
    }
}
