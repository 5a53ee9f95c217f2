use std::sync::atomic::Ordering;

use crate::census::Census;

/// That there is a change. Who waits for room hears when it ends.
#[derive(Debug)]
pub(super) struct Opened<'c>(&'c Census);

impl<'c> Opened<'c> {
    pub(super) fn new(census: &'c Census) -> Self {
        census.open.fetch_add(1, Ordering::SeqCst);
        Self(census)
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.ends.fetch_add(1, Ordering::SeqCst);
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.ended.notify_waiters();
        }
    }
}
