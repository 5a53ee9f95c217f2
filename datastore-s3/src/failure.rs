use std::error::Error as StdError;

use datastore::{Error, ErrorKind, Outcome};
use object_store::client::{HttpError, HttpErrorKind};

use crate::refusal::Refusal;

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server said so.
    Refused(Refusal),
    /// The network failed, or what came was cut short or malformed.
    Transport { kind: HttpErrorKind, what: String },
    /// There is no such object, in a store that is not reached by HTTP.
    Missing,
    /// A condition does not hold, in such a store.
    Condition,
    /// The client does not do that.
    Unsupported(String),
    /// It was not sent, since another request of the same operation had failed.
    Untried,
    /// Anything else, before or after it was sent.
    Other(String),
}

impl Failure {
    /// Whether there is no such object, and all else is well.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status == 404 && refusal.code != NO_SUCH_BUCKET,
            Self::Missing => true,
            _ => false,
        }
    }

    /// Whether a condition of the request does not hold.
    pub(crate) fn is_condition(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status == 412,
            Self::Condition => true,
            _ => false,
        }
    }

    /// Whether a range may lie past the end of the object: not all stores have a word for it.
    pub(crate) fn may_be_range(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status == 416,
            Self::Other(_) => true,
            _ => false,
        }
    }

    /// Whether the server does not know the request at all.
    pub(crate) fn is_unsupported(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.status, 405 | 501) || refusal.code == "NotImplemented"
            }
            Self::Unsupported(_) => true,
            _ => false,
        }
    }

    /// Whether there was no connection to a server.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Transport { kind: HttpErrorKind::Connect, .. })
    }

    /// Whether the same request may go well later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_transient(),
            Self::Transport { .. } => true,
            _ => false,
        }
    }

    /// Whether what was to be written may have been.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(Refusal { status, code, .. }) => {
                // Under a status of success an error came after the work had begun.
                let turned_away =
                    *status == 501 || matches!(code.as_str(), "SlowDown" | "ServiceUnavailable");
                let unknown = *status < 300 || *status >= 500 && !turned_away;
                if unknown { Outcome::Unknown } else { Outcome::NotApplied }
            }
            Self::Transport { kind: HttpErrorKind::Connect, .. }
            | Self::Missing
            | Self::Condition
            | Self::Unsupported(_)
            | Self::Untried => Outcome::NotApplied,
            Self::Transport { .. } | Self::Other(_) => Outcome::Unknown,
        }
    }

    /// The error of an operation that failed so; `place` is the bucket.
    pub(crate) fn into_error(self, doing: &str, place: &str) -> Error {
        let (kind, advice) = self.advice(place);
        let message = match advice {
            Some(advice) => format!("{doing}: {advice}"),
            None => format!("{doing} failed on {place}"),
        };
        Error::new(kind, message).with_source(self)
    }

    fn advice(&self, place: &str) -> (ErrorKind, Option<String>) {
        let say = |kind, text: String| (kind, Some(text));
        match self {
            Self::Refused(Refusal { status, code, region, .. }) => match (*status, code.as_str()) {
                (404, NO_SUCH_BUCKET) => say(
                    ErrorKind::NotFound,
                    format!("there is no bucket {place}: create it, or mend its name or endpoint"),
                ),
                (301 | 307 | 308, _)
                | (400, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                    let elsewhere = match region {
                        Some(region) => format!("is in region `{region}`: set it"),
                        None => "is in another region or has another endpoint: set it".to_owned(),
                    };
                    say(ErrorKind::InvalidInput, format!("the bucket {place} {elsewhere}"))
                }
                (400, "KeyTooLongError") => (ErrorKind::InvalidKey, None),
                (400, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired")
                | (403, "ExpiredToken") => say(
                    ErrorKind::PermissionDenied,
                    format!("the credentials for {place} have expired: renew them"),
                ),
                (403, "RequestTimeTooSkewed") => say(
                    ErrorKind::Unavailable,
                    format!("the clocks of this machine and of {place} differ too much"),
                ),
                (403, "QuotaExceeded") | (507, _) => {
                    say(ErrorKind::Unavailable, format!("{place} is full, or at its quota"))
                }
                (403, "InvalidAccessKeyId" | "SignatureDoesNotMatch") => say(
                    ErrorKind::PermissionDenied,
                    format!("{place} does not accept the credentials: mend access key or secret"),
                ),
                (401 | 403, _) => say(
                    ErrorKind::PermissionDenied,
                    format!(
                        "{place} does not let these credentials do that (credentials that may not list see a \
                         missing object as forbidden)"
                    ),
                ),
                (400..=499, _) if !self.is_transient() => (ErrorKind::InvalidInput, None),
                (501, _) => (ErrorKind::Unsupported, None),
                _ => say(ErrorKind::Unavailable, format!("{place} cannot do that now")),
            },
            Self::Transport { kind: HttpErrorKind::Connect, .. } => {
                say(ErrorKind::Unavailable, format!("{place} cannot be reached"))
            }
            Self::Transport { .. } => {
                say(ErrorKind::Unavailable, format!("{place} gave no whole answer"))
            }
            Self::Missing => (ErrorKind::NotFound, None),
            Self::Condition => (ErrorKind::Conflict, None),
            Self::Unsupported(_) => (ErrorKind::Unsupported, None),
            Self::Untried => (ErrorKind::Unavailable, None),
            Self::Other(_) => (ErrorKind::Internal, None),
        }
    }
}

const NO_SUCH_BUCKET: &str = "NoSuchBucket";

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        let mut transport = None;
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(this) = cause {
            if let Some(refusal) = this.downcast_ref::<Refusal>() {
                return Self::Refused(refusal.clone());
            }
            if let Some(http) = this.downcast_ref::<HttpError>() {
                transport = Some(Self::from_http(http));
            }
            cause = this.source();
        }
        if let Some(transport) = transport {
            return transport;
        }
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. } => Self::Condition,
            object_store::Error::NotImplemented { .. }
            | object_store::Error::NotSupported { .. } => Self::Unsupported(error.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        match StdError::source(&error).and_then(|source| source.downcast_ref::<Refusal>()) {
            Some(refusal) => Self::Refused(refusal.clone()),
            None => Self::from_http(&error),
        }
    }
}

impl Failure {
    fn from_http(error: &HttpError) -> Self {
        let mut what = String::new();
        let mut cause = error.source();
        while let Some(this) = cause {
            if !what.is_empty() {
                what.push_str(": ");
            }
            what.push_str(&this.to_string());
            cause = this.source();
        }
        Self::Transport { kind: error.kind(), what }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Transport { what, .. } | Self::Unsupported(what) | Self::Other(what) => {
                f.write_str(what)
            }
            Self::Missing => f.write_str("there is no such object"),
            Self::Condition => f.write_str("the condition does not hold"),
            Self::Untried => f.write_str("another request of the same operation had failed"),
        }
    }
}

impl StdError for Failure {}
