use crate::Policy;

/// What a [`CarDecoder`](crate::CarDecoder) allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarOptions {
    pub(super) max_header_len: usize,
    pub(super) max_block_len: usize,
    pub(super) null_padding: bool,
}

impl CarOptions {
    /// The longest header that is taken, in bytes, if nothing else is said: room for 100 000 roots.
    pub const MAX_HEADER_LEN: usize = 4 << 20;

    /// Headers of [`MAX_HEADER_LEN`](Self::MAX_HEADER_LEN) bytes at most, blocks of
    /// [`Policy::MAX_BLOCK_LEN`] bytes at most, no padding in a CARv1.
    pub fn new() -> Self {
        Self {
            max_header_len: Self::MAX_HEADER_LEN,
            max_block_len: Policy::MAX_BLOCK_LEN,
            null_padding: false,
        }
    }

    /// Takes headers of `bytes` at most; go-car takes 32 MiB.
    #[must_use]
    pub fn max_header_len(mut self, bytes: usize) -> Self {
        self.max_header_len = bytes;
        self
    }

    /// Takes blocks of `bytes` at most.
    #[must_use]
    pub fn max_block_len(mut self, bytes: usize) -> Self {
        self.max_block_len = bytes;
        self
    }

    /// Whether zero bytes may follow the last section, as in files that were filled up to some size. They
    /// are an error otherwise, and always if anything else follows them.
    #[must_use]
    pub fn null_padding(mut self, allow: bool) -> Self {
        self.null_padding = allow;
        self
    }
}

impl Default for CarOptions {
    fn default() -> Self {
        Self::new()
    }
}
