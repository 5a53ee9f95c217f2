use std::fmt;

/// What [`check`](crate::Datastore::check) saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Entries that were read and are good.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// What is damaged, the first [`CheckReport::MAX_PROBLEMS`] of them.
    pub problems: Vec<Problem>,
    /// Damaged places that are not in `problems`.
    pub more_problems: u64,
    /// What lies among the store's own and is not its: objects that somebody else put into its bucket. They
    /// are left alone, and are no damage.
    pub foreign: u64,
}

/// A damaged place in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a key, a file, an object.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl CheckReport {
    /// How many problems a report lists one by one.
    pub const MAX_PROBLEMS: usize = 1000;

    /// Adds a problem, or counts it if the list is full.
    pub fn add(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        if self.problems.len() < Self::MAX_PROBLEMS {
            self.problems.push(Problem { place: place.to_string(), what: what.to_string() });
        } else {
            self.more_problems += 1;
        }
    }

    /// Whether nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}
