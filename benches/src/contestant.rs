/// Who takes part in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Raw fjall.
    Raw,
    /// Raw fjall once more, in a directory of its own: what it differs from the first is noise.
    RawAgain,
    /// Our store over fjall.
    Fjall,
    /// The same store under four wrappers.
    FjallWrapped,
    /// Our store in memory.
    Memory,
    /// The same store under four wrappers.
    MemoryWrapped,
}

impl Contestant {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Raw,
        Self::RawAgain,
        Self::Fjall,
        Self::FjallWrapped,
        Self::Memory,
        Self::MemoryWrapped,
    ];

    /// As it is written in names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawAgain => "raw-again",
            Self::Fjall => "fjall",
            Self::FjallWrapped => "fjall+4",
            Self::Memory => "memory",
            Self::MemoryWrapped => "memory+4",
        }
    }
}
