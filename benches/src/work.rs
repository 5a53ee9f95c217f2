use crate::ValueSize;

/// One thing to do over and over: what a benchmark measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reads values of a set of keys small enough for the engine's cache.
    GetHot,
    /// Reads values of all keys in random order; most blocks come from the system's page cache.
    GetAny,
    /// Reads values of keys that have none.
    GetMissing,
    /// Asks whether keys of the hot set are there.
    HasHot,
    /// Asks whether keys are there, all of them in random order.
    HasAny,
    /// Asks whether keys are there that are not.
    HasMissing,
    /// Sets values, one commit each.
    Put,
    /// Removes keys that are there, one commit each.
    Delete,
    /// Sets values so that each survives a loss of power before the next is begun, by so many tasks.
    PutSynced {
        /// How many tasks put at the same time.
        tasks: usize,
    },
    /// Sets [`Work::BATCH`] values in one commit.
    Batch,
    /// Reads pages of so many entries, each from where the last one ended.
    Page {
        /// Most entries of a page.
        entries: usize,
    },
    /// Reads all entries.
    Scan,
    /// Reads all keys.
    ScanKeys,
}

impl Work {
    /// How many values a batch sets.
    pub const BATCH: usize = 1000;

    /// Tasks whose synced puts are to share a write to the disk.
    pub const MANY_TASKS: usize = 64;

    /// Those that read a key at a time.
    pub const POINTS: [Self; 6] = [
        Self::GetHot,
        Self::GetAny,
        Self::GetMissing,
        Self::HasHot,
        Self::HasAny,
        Self::HasMissing,
    ];

    /// Those that read many keys.
    pub const SCANS: [Self; 5] = [
        Self::Page { entries: 16 },
        Self::Page { entries: 256 },
        Self::Page { entries: 4096 },
        Self::Scan,
        Self::ScanKeys,
    ];

    /// Those that change the store, which then begins empty; for the others it begins loaded.
    pub const WRITES: [Self; 5] = [
        Self::Put,
        Self::Delete,
        Self::Batch,
        Self::PutSynced { tasks: 1 },
        Self::PutSynced { tasks: Self::MANY_TASKS },
    ];

    /// All of these.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::POINTS.into_iter().chain(Self::WRITES).chain(Self::SCANS)
    }

    /// As it is written in names.
    pub fn name(self) -> String {
        match self {
            Self::GetHot => "get-hot".into(),
            Self::GetAny => "get-any".into(),
            Self::GetMissing => "get-missing".into(),
            Self::HasHot => "has-hot".into(),
            Self::HasAny => "has-any".into(),
            Self::HasMissing => "has-missing".into(),
            Self::Put => "put".into(),
            Self::Delete => "delete".into(),
            Self::PutSynced { tasks } => format!("put-synced-{tasks}"),
            Self::Batch => format!("batch-{}", Self::BATCH),
            Self::Page { entries } => format!("page-{entries}"),
            Self::Scan => "scan-all".into(),
            Self::ScanKeys => "scan-keys".into(),
        }
    }

    /// Whether it changes the store.
    pub fn writes(self) -> bool {
        Self::WRITES.contains(&self)
    }

    /// Whether it is measured with values of this size: batches and long pages of large values would
    /// measure the memory of the machine, and a write to the disk costs what it costs.
    pub fn suits(self, size: ValueSize) -> bool {
        match self {
            Self::Batch => size != ValueSize::Large,
            Self::Page { entries } => size != ValueSize::Large || entries <= 16,
            Self::PutSynced { .. } => size == ValueSize::Small,
            _ => true,
        }
    }

    /// How many operations cannot be done apart, in a store of so many entries; a scan counts them.
    pub fn unit(self, entries_of_store: usize) -> usize {
        match self {
            Self::Batch => Self::BATCH,
            Self::Page { entries } => entries,
            Self::PutSynced { tasks } => tasks,
            Self::Scan | Self::ScanKeys => entries_of_store,
            _ => 1,
        }
    }
}
