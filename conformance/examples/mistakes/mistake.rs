/// A mistake that a store can make. Each was made by a store that people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    PutsBeforeDeletes,
    PrefixWithoutBoundary,
    DescendingCursorIncluded,
    LimitDropsTheCursor,
    BatchNotAtomic,
    StaleSnapshot,
    ConditionIgnored,
    CheckThenAct,
    DiskUsageZero,
    DeleteOfMissingFails,
    RangeEndIncluded,
    ClosedStoreAnswers,
    OrderBySegments,
    EmptyValueIsMissing,
}

impl Mistake {
    pub(crate) const ALL: [Self; 14] = [
        Self::PutsBeforeDeletes,
        Self::PrefixWithoutBoundary,
        Self::DescendingCursorIncluded,
        Self::LimitDropsTheCursor,
        Self::BatchNotAtomic,
        Self::StaleSnapshot,
        Self::ConditionIgnored,
        Self::CheckThenAct,
        Self::DiskUsageZero,
        Self::DeleteOfMissingFails,
        Self::RangeEndIncluded,
        Self::ClosedStoreAnswers,
        Self::OrderBySegments,
        Self::EmptyValueIsMissing,
    ];

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::PutsBeforeDeletes => "a batch applies all puts, then all deletes",
            Self::PrefixWithoutBoundary => "/ab is taken to lie below /a",
            Self::DescendingCursorIncluded => "a descending page begins with the key of its cursor",
            Self::LimitDropsTheCursor => "a page that a limit cut short says it is the last",
            Self::BatchNotAtomic => "readers see half of a batch",
            Self::StaleSnapshot => "a second snapshot is the first one",
            Self::ConditionIgnored => "conditions are not looked at",
            Self::CheckThenAct => "others write between the check of a condition and the write",
            Self::DiskUsageZero => "disk usage is declared, and 0",
            Self::DeleteOfMissingFails => "a delete of a missing key is an error",
            Self::RangeEndIncluded => "an excluded end is included",
            Self::ClosedStoreAnswers => "reads go on after closing",
            Self::OrderBySegments => "keys are ordered segment by segment",
            Self::EmptyValueIsMissing => "an empty value is taken for none",
        }
    }
}
