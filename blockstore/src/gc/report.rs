use super::state::{Phase, State};

/// What a collection came to; counts of a run that was resumed are those of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// CIDs that pins reach; a block that is reached under two codecs counts twice.
    pub marked: u64,
    /// Blocks that stayed.
    pub kept: u64,
    /// Bytes of the blocks that stayed.
    pub kept_bytes: u64,
    /// Blocks that were deleted; of a dry run those that would be.
    pub swept: u64,
    /// Bytes of the blocks that were deleted; of a dry run those that would be.
    pub swept_bytes: u64,
    /// Blocks that pins reach, and that are not there: none, unless
    /// [`GcOptions::despite_missing`](crate::GcOptions::despite_missing). One that is reached under two
    /// codecs, or pinned directly as well, counts twice.
    pub missing: u64,
    /// Rows among the blocks that are not blocks; they stay.
    pub unknown: u64,
    /// Whether the run was begun by an earlier call.
    pub resumed: bool,
}

/// How far a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcProgress {
    /// What it does now.
    pub phase: GcPhase,
    /// CIDs that were reached so far.
    pub marked: u64,
    /// Blocks that stay, so far.
    pub kept: u64,
    /// Blocks that were deleted so far, or would be.
    pub swept: u64,
    /// Bytes of the blocks that were deleted so far, or would be.
    pub swept_bytes: u64,
}

/// What a collection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GcPhase {
    /// It waits for the holds that were there before it, and reads the pins.
    Roots,
    /// It walks what the pins reach.
    Mark,
    /// It looks whether the blocks without links are there that it has reached.
    Leaves,
    /// It deletes what is not marked.
    Sweep,
    /// It removes its marks.
    Clean,
}

impl GcProgress {
    pub(super) fn of(state: &State) -> Self {
        let State { phase, marked, kept, swept, swept_bytes, .. } = *state;
        Self { phase: phase.into(), marked, kept, swept, swept_bytes }
    }
}

impl GcReport {
    pub(super) fn of(state: &State, resumed: bool) -> Self {
        let State { marked, kept, kept_bytes, swept, swept_bytes, missing, unknown, .. } = *state;
        Self { marked, kept, kept_bytes, swept, swept_bytes, missing, unknown, resumed }
    }
}

impl From<Phase> for GcPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Roots => Self::Roots,
            Phase::Mark => Self::Mark,
            Phase::Leaves => Self::Leaves,
            Phase::Sweep => Self::Sweep,
            Phase::Clean => Self::Clean,
        }
    }
}
