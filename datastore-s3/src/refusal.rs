use std::fmt;

use serde::Deserialize;

/// What a server answered instead of doing what it was asked.
///
/// Bodies of errors repeat parts of the request, its signature among them: only the fields that say
/// what is wrong are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status of the answer; 200 where the body says that it went wrong all the same.
    pub(crate) status: u16,
    /// The name of the error, such as `SlowDown`, where there was a body.
    pub(crate) code: String,
    /// The server's own words.
    pub(crate) message: String,
    /// Where the bucket is, where the server says that it is elsewhere.
    pub(crate) region: Option<String>,
}

impl Refusal {
    /// The longest body that is looked at; one of an error is far shorter.
    pub(crate) const MAX_BODY: usize = 64 << 10;

    pub(crate) fn new(status: u16, region: Option<String>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let Body { code, message, region: named } =
            quick_xml::de::from_str(&text).unwrap_or_default();
        let message = message.chars().take(MAX_MESSAGE).collect();
        Self { status, code, message, region: region.or(named) }
    }

    /// Whether the same request may go well later.
    pub(crate) fn is_transient(&self) -> bool {
        let code = self.code.as_str();
        match self.status {
            200 => matches!(code, "InternalError" | "SlowDown" | "ServiceUnavailable"),
            // The body was too slow; the request took too long on its way; two writers met.
            400 => code == "RequestTimeout",
            403 => code == "RequestTimeTooSkewed",
            409 => matches!(code, "OperationAborted" | "ConditionalRequestConflict"),
            408 | 429 => true,
            501 => false,
            status => status >= 500,
        }
    }

    /// Whether a body is that of an error.
    pub(crate) fn is_body(body: &[u8]) -> bool {
        body.windows(ROOT.len()).take(Self::MAX_BODY).any(|window| window == ROOT)
    }
}

const ROOT: &[u8] = b"<Error>";
const MAX_MESSAGE: usize = 300;

/// The body of an error, as S3, GCS and Azure write it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    code: String,
    message: String,
    region: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message, region: _ } = self;
        write!(f, "HTTP status {status}")?;
        if !code.is_empty() {
            write!(f, ", {code}")?;
        }
        if !message.is_empty() {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::Refusal;

    const MISMATCH: &[u8] = br#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.</Message>
<AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId><SignatureProvided>f00d</SignatureProvided></Error>"#;

    #[test]
    fn a_refusal_tells_what_is_wrong_and_no_secret() {
        let refusal = Refusal::new(403, None, MISMATCH);
        let shown = format!("{refusal} {refusal:?}");
        assert_eq!(refusal.code, "SignatureDoesNotMatch");
        assert!(shown.contains("The signature does not match."));
        assert!(!shown.contains("AKIAEXAMPLE") && !shown.contains("f00d"), "{shown}");
    }

    #[test]
    fn a_body_that_is_no_error_leaves_the_status() {
        for body in [b"".as_slice(), b"<html>", b"\xff\xfe", b"{}"] {
            let refusal = Refusal::new(502, None, body);
            assert_eq!(refusal.to_string(), "HTTP status 502", "{body:?}");
        }
    }
}
