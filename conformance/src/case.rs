use std::fmt;

use datastore::{Capabilities, Conditions, Survives};
use futures::future::LocalBoxFuture;

use crate::Scale;
use crate::bench::Bench;
use crate::failure::Outcome;

/// One thing that the contract asks for, and the code that finds out.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name: a theme and a sentence, `batches::the_last_operation_on_a_key_wins`.
    pub name: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// What a store must declare for the case to say anything about it; without, it is skipped.
    pub needs: &'static [Need],
    pub(crate) run: Run,
}

/// What a [`Case`] needs of a store, or of the factory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// [`Capabilities::writable`].
    Writable,
    /// [`Capabilities::atomic_batches`].
    AtomicBatches,
    /// [`Capabilities::conditions`], at least these.
    Conditions(Conditions),
    /// [`Capabilities::snapshots`].
    Snapshots,
    /// [`Capabilities::consistent_pages`].
    ConsistentPages,
    /// [`Capabilities::buffered`], at least this.
    BufferedSurvives(Survives),
    /// [`Capabilities::synced`], at least this.
    SyncedSurvives(Survives),
    /// [`Capabilities::max_value_len`], at least this.
    ValuesOf(u64),
    /// A factory that opens the same data again.
    Reopen,
    /// [`Scale::Full`].
    FullScale,
}

/// What a factory's stores are, found out before the cases run.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) capabilities: Capabilities,
    pub(crate) reopens: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Runs on the runtime of the suite.
    Async(for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Outcome>),
    /// Runs on a thread without a runtime, and makes its own.
    Blocking(fn(&Bench) -> Outcome),
}

impl Case {
    /// Why the case says nothing about such a store; `None` if it does.
    pub(crate) fn skipped(&self, probe: &Probe, scale: Scale) -> Option<String> {
        self.needs.iter().find(|need| !need.is_met(probe, scale)).map(|need| need.to_string())
    }
}

impl Need {
    fn is_met(self, probe: &Probe, scale: Scale) -> bool {
        let store = &probe.capabilities;
        match self {
            Self::Writable => store.writable,
            Self::AtomicBatches => store.atomic_batches,
            Self::Conditions(least) => store.conditions >= least,
            Self::Snapshots => store.snapshots,
            Self::ConsistentPages => store.consistent_pages,
            Self::BufferedSurvives(least) => store.buffered >= least,
            Self::SyncedSurvives(least) => store.synced >= least,
            Self::ValuesOf(len) => store.max_value_len >= len,
            Self::Reopen => probe.reopens,
            Self::FullScale => scale == Scale::Full,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Writable => f.write_str("needs a writable store"),
            Self::AtomicBatches => f.write_str("needs atomic batches"),
            Self::Conditions(Conditions::AnyBatch) => f.write_str("needs conditions on any batch"),
            Self::Conditions(Conditions::SingleKey) => {
                f.write_str("needs conditions on puts and deletes of one key")
            }
            Self::Conditions(_) => f.write_str("needs conditions"),
            Self::Snapshots => f.write_str("needs snapshots"),
            Self::ConsistentPages => f.write_str("needs consistent pages"),
            Self::BufferedSurvives(least) => {
                write!(f, "needs buffered commits that survive the loss of the {least:?}")
            }
            Self::SyncedSurvives(least) => {
                write!(f, "needs synced commits that survive the loss of the {least:?}")
            }
            Self::ValuesOf(len) => write!(f, "needs values of {len} bytes"),
            Self::Reopen => f.write_str("needs a factory that can reopen"),
            Self::FullScale => f.write_str("runs at full scale only"),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about, needs, run: _ } = self;
        f.debug_struct("Case")
            .field("name", name)
            .field("about", about)
            .field("needs", needs)
            .finish_non_exhaustive()
    }
}

/// A case from an `async fn(&Bench) -> Outcome` (or, marked so, a blocking `fn`) of its own name.
macro_rules! case {
    ($theme:literal, $function:ident, [$($need:expr),*], $about:literal) => {
        $crate::case::Case {
            name: concat!($theme, "::", stringify!($function)),
            about: $about,
            needs: &[$($need),*],
            run: $crate::case::Run::Async(|bench| Box::pin($function(bench))),
        }
    };
    (blocking $theme:literal, $function:ident, [$($need:expr),*], $about:literal) => {
        $crate::case::Case {
            name: concat!($theme, "::", stringify!($function)),
            about: $about,
            needs: &[$($need),*],
            run: $crate::case::Run::Blocking($function),
        }
    };
}

pub(crate) use case;
