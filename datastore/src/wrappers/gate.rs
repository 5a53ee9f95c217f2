use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// Whether a wrapper is open: a wrapper closes itself, not the store below.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicBool);

impl Gate {
    pub(super) fn check_open(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) { Err(Error::closed()) } else { Ok(()) }
    }

    pub(super) fn close(&self) {
        self.0.store(true, Ordering::Release);
    }
}
