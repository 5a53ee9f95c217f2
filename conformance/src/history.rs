//! What callers saw of one key: the calls that they made, in which order, and the answers.

use std::fmt;

use bytes::Bytes;
use datastore::Key;

/// What one call did to one key, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was made, on a counter that all calls of a history share.
    pub invoked: u64,
    /// When it returned, or was dropped.
    pub returned: u64,
    /// What it asked for.
    pub action: Action,
    /// What it was told.
    pub reply: Reply,
}

/// What a [`Call`] asked for; `None` stands for no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A read that found this.
    Read(Option<Bytes>),
    /// A put or a delete.
    Write(Option<Bytes>),
    /// A put or a delete under the condition that the value is the expected one.
    Swap {
        /// What the value must be.
        expected: Option<Bytes>,
        /// What it becomes.
        new: Option<Bytes>,
    },
}

/// What a [`Call`] was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It happened before it returned.
    Done,
    /// The condition did not hold at some moment before it returned, and nothing happened.
    Conflict,
    /// Nothing happened, and never will.
    NotApplied,
    /// It may have happened, may still happen later, or never.
    Unknown,
    /// It was dropped: it happened before that, or never.
    Cancelled,
}

/// A history that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The key.
    pub key: Key,
    /// The calls up to the one that nothing explains, which is the last.
    pub calls: Vec<Call>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What came long before matters least.
        const SHOWN: usize = 16;
        let Self { key, calls } = self;
        writeln!(f, "no order of {} calls on {key} explains the last answer:", calls.len())?;
        for call in calls.iter().skip(calls.len().saturating_sub(SHOWN)) {
            let Call { invoked, returned, action, reply } = call;
            writeln!(f, "  {invoked:>6} to {returned:>6}  {reply:?}  {action:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}
