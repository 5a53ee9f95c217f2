use std::error::Error as StdError;
use std::fmt;

use datastore::{Error, ErrorKind, Outcome};
use libp2p_identity::PeerId;

/// Why an envelope is not taken for a signed peer record, or none can be made.
///
/// As a [`datastore::Error`] it is of the kind [`ErrorKind::InvalidInput`]: the envelope is what the caller
/// handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The envelope is longer than is allowed.
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The most that is allowed, in bytes.
        limit: usize,
    },
    /// The bytes are not an envelope.
    Envelope(String),
    /// The payload says of itself that it is something else than a peer record.
    PayloadType,
    /// The key of the signer is missing, or of no kind that is supported.
    PublicKey(String),
    /// The signature is not one of this payload by this signer, or was made for something else.
    Signature,
    /// The payload is signed and no peer record.
    Payload(String),
    /// What the record names as its peer is no peer id.
    PeerId,
    /// The signer is not the peer that the record names.
    OtherSigner {
        /// Whom the record names.
        peer: Box<PeerId>,
        /// Who signed it.
        signer: Box<PeerId>,
    },
    /// The key did not sign.
    Signing(String),
    /// No sequence number is higher than the last.
    SequenceExhausted,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => {
                write!(f, "the envelope has {len} bytes, more than the {limit} that are allowed")
            }
            Self::Envelope(what) => write!(f, "the bytes are not a signed envelope: {what}"),
            Self::PayloadType => f.write_str("the payload of the envelope is not a peer record"),
            Self::PublicKey(what) => write!(f, "the envelope has no key to verify it with: {what}"),
            Self::Signature => f.write_str("the signature does not verify"),
            Self::Payload(what) => write!(f, "the signed payload is not a peer record: {what}"),
            Self::PeerId => f.write_str("the record names no peer"),
            Self::OtherSigner { peer, signer } => {
                write!(f, "the record is of the peer {peer}, and {signer} signed it")
            }
            Self::Signing(what) => write!(f, "the record could not be signed: {what}"),
            Self::SequenceExhausted => f.write_str("there is no higher sequence number"),
        }
    }
}

impl StdError for RecordError {}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        Self::new(ErrorKind::InvalidInput, error.to_string())
            .with_source(error)
            .with_outcome(Outcome::NotApplied)
    }
}
