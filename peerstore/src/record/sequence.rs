use std::time::{SystemTime, UNIX_EPOCH};

use super::error::RecordError;

/// What became of a signed record that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Consumed {
    /// It is newer than what was known, and is what is known now.
    Accepted,
    /// It is the record that is known, byte for byte.
    Same,
    /// A newer one is known, or was until not long ago. Nothing has changed.
    Older,
    /// It has the sequence number of the one that is known, and is another. Nothing has changed.
    Differs,
}

/// The sequence number for the next record of one's own peer, after `last`: nanoseconds since 1970, as
/// go-libp2p counts, or one more than `last` where the clock does not say more.
///
/// js-libp2p counts milliseconds, and rust-libp2p seconds. An identity that comes from either of them, or from
/// go-libp2p, goes on with higher numbers here even if nobody knows its last one: other peers drop a record
/// that does not have a higher number than the one before. The way back to js-libp2p and rust-libp2p needs
/// them to be told the last number.
///
/// # Errors
/// [`RecordError::SequenceExhausted`] if `last` is the highest number that there is.
///
/// # Examples
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
/// let first = peerstore::next_sequence(None, now)?;
/// assert_eq!(first, 1_767_225_600_000_000_000);
/// // The clock was set back by a year.
/// let year = Duration::from_secs(365 * 86_400);
/// assert_eq!(peerstore::next_sequence(Some(first), now - year)?, first + 1);
/// # Ok::<_, peerstore::RecordError>(())
/// ```
pub fn next_sequence(last: Option<u64>, now: SystemTime) -> Result<u64, RecordError> {
    let least = match last {
        Some(last) => last.checked_add(1).ok_or(RecordError::SequenceExhausted)?,
        None => 0,
    };
    // Before 1970, or after 2554, the clock says nothing that could be counted on.
    let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok(u64::try_from(elapsed).unwrap_or_default().max(least))
}
