use std::fmt;

use datastore::{Capabilities, Conditions};
use serde_json::{Value, json};

/// What a store is good for, by what it promises and what the suite saw of it.
pub(super) struct Verdict<'v> {
    pub(super) capabilities: &'v Capabilities,
    pub(super) failed: usize,
    /// Whether all cases ran.
    pub(super) whole: bool,
}

impl Verdict<'_> {
    pub(super) fn to_json(&self) -> Value {
        let (puts, deletes) = self.conditions();
        json!({
            "conditions_on_puts": puts,
            "conditions_on_deletes": deletes,
            "atomic_batches": self.capabilities.atomic_batches,
            "good_for": self.good_for(),
        })
    }

    /// Whether conditions hold where something is put, and where something is deleted.
    fn conditions(&self) -> (bool, bool) {
        match self.capabilities.conditions {
            Conditions::Unsupported => (false, false),
            Conditions::SinglePut => (true, false),
            Conditions::SingleKey | Conditions::AnyBatch => (true, true),
        }
    }

    /// In words, if it is good for anything.
    fn good_for(&self) -> Option<&'static str> {
        let Capabilities { writable, atomic_batches, conditions, .. } = *self.capabilities;
        if self.failed > 0 {
            return None;
        }
        Some(match conditions {
            _ if !writable => "reading",
            Conditions::AnyBatch if atomic_batches => {
                "any number of tasks with conditions and batches over any keys, and records that expire"
            }
            Conditions::AnyBatch | Conditions::SingleKey => {
                "one writer whom a lease guards, or several that rely on conditions on single keys alone"
            }
            Conditions::SinglePut => {
                "one writer whom a lease guards, or several that rely on conditions on single puts alone, \
                 and on none when they delete"
            }
            Conditions::Unsupported => {
                "one writer, and it is up to you that there is no other: without conditions no lease \
                 keeps one away"
            }
        })
    }
}

/// Two lines, or three.
impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (puts, deletes) = self.conditions();
        let held = |held| if held { "held" } else { "not held" };
        let batches = if self.capabilities.atomic_batches {
            "land whole or not at all"
        } else {
            "may land in part"
        };
        writeln!(
            f,
            "conditions on puts: {}; on deletes: {}; batches: {batches}",
            held(puts),
            held(deletes)
        )?;
        match self.good_for() {
            None => write!(f, "good for: nothing, until the cases that failed pass"),
            Some(what) if self.whole => write!(f, "good for: {what}"),
            Some(what) => {
                write!(f, "good for: {what}; as far as the cases that were chosen can tell")
            }
        }
    }
}
