use std::sync::Arc;
use std::time::Duration;

use datastore::units::time;
use datastore::{Clock, Datastore, WriteBehind, WriteBehindOptions};
use serde::{Deserialize, Serialize};

use crate::layout;

/// Whether changes are gathered and written later, and when.
///
/// What is gathered is seen by all readers of the peerstore at once, and is below after a flush: once enough rows
/// changed, once the oldest change has waited for long enough, on [`flush`](crate::Peerstore::flush) and on
/// [`close`](crate::Peerstore::close). A process that ends without those loses it. Records that the node seals of
/// itself wait for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PeerWriteBehind {
    /// Whether.
    pub mode: WriteBehindMode,
    /// Flush once so many rows changed.
    pub dirty_rows: usize,
    /// Flush once a change has waited for so long.
    #[serde(with = "time")]
    pub age: Duration,
}

/// Whether changes are gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WriteBehindMode {
    /// Over stores that are not on this machine, where each row is a request: those without atomic batches.
    #[default]
    Auto,
    /// Over every store.
    On,
    /// A change is below when its call returns.
    Off,
}

impl Default for PeerWriteBehind {
    fn default() -> Self {
        let age = Duration::from_secs(10);
        Self { mode: WriteBehindMode::default(), dirty_rows: 1_000, age }
    }
}

/// What changes are gathered in.
pub(crate) type Gathered = WriteBehind<Arc<dyn Datastore>>;

impl PeerWriteBehind {
    /// What gathers the changes of a store, if they are to be gathered.
    pub(crate) fn over(
        &self,
        store: &Arc<dyn Datastore>,
        clock: &Arc<dyn Clock>,
    ) -> Option<Arc<Gathered>> {
        let Self { mode, dirty_rows, age } = *self;
        let below = store.capabilities();
        let gathers = match mode {
            WriteBehindMode::Auto => !below.atomic_batches,
            WriteBehindMode::On => true,
            WriteBehindMode::Off => false,
        };
        if !gathers || !below.writable {
            return None;
        }
        let usual = WriteBehindOptions::default();
        let options = WriteBehindOptions {
            flush_keys: dirty_rows,
            flush_age: age,
            // Room for what changes while a flush is under way.
            max_keys: usual.max_keys.max(dirty_rows.saturating_mul(2)),
            // One flush has several changes, each of which put entries before rows.
            indexes: vec![layout::EXPIRY],
            ..usual
        };
        Some(Arc::new(WriteBehind::with_clock(Arc::clone(store), options, Arc::clone(clock))))
    }
}
