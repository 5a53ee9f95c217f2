/// How something is pinned.
///
/// # Examples
/// ```
/// use datastore_blocks::PinOptions;
///
/// let options = PinOptions::new().name("website, May");
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinOptions {
    pub(super) name: String,
    pub(super) check: bool,
}

impl PinOptions {
    /// Without a name; what is pinned must be there.
    pub fn new() -> Self {
        Self { name: String::new(), check: true }
    }

    /// What people call it, [`Pins::MAX_NAME_LEN`](crate::Pins::MAX_NAME_LEN) bytes at most; any number of
    /// pins may have the same name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Whether what is pinned must be there, all of it; blocks with links are read and verified, raw leaves
    /// asked for. Without, a pin costs no walk, unless a collection is unfinished; and collections refuse to go
    /// on while a block that it reaches is missing, or one with links is damaged.
    #[must_use]
    pub fn check(mut self, check: bool) -> Self {
        self.check = check;
        self
    }
}

impl Default for PinOptions {
    fn default() -> Self {
        Self::new()
    }
}
