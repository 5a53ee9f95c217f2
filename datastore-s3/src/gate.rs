use std::sync::atomic::{AtomicBool, Ordering};

use datastore::{Error, Result};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Lets operations in until the store is closed, and waits for those that are inside.
#[derive(Debug)]
pub(crate) struct Gate {
    open: AtomicBool,
    inside: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { open: AtomicBool::new(true), inside: Semaphore::new(ROOM as usize) }
    }

    /// Inside, until what is returned is dropped.
    pub(crate) async fn enter(&self) -> Result<SemaphorePermit<'_>> {
        let inside = self.inside.acquire().await.map_err(|_| Error::closed())?;
        if self.open.load(Ordering::Acquire) { Ok(inside) } else { Err(Error::closed()) }
    }

    /// Shuts, and waits until nobody is inside.
    pub(crate) async fn shut(&self) {
        self.open.store(false, Ordering::Release);
        if self.inside.acquire_many(ROOM).await.is_ok() {
            self.inside.close();
        }
    }
}

/// More operations than there can be.
const ROOM: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::Gate;

    #[test]
    fn a_gate_shuts_once_nobody_is_inside() {
        let gate = Gate::new();
        let inside = gate.enter().now_or_never().unwrap().unwrap();
        let mut shutting = Box::pin(gate.shut());
        assert!((&mut shutting).now_or_never().is_none());
        drop(inside);
        assert_eq!(shutting.now_or_never(), Some(()));
        assert!(gate.enter().now_or_never().unwrap().is_err());
        assert_eq!(gate.shut().now_or_never(), Some(()));
    }

    #[test]
    fn nobody_gets_in_while_it_shuts() {
        let gate = Gate::new();
        let inside = gate.enter().now_or_never().unwrap().unwrap();
        let mut shutting = Box::pin(gate.shut());
        assert!((&mut shutting).now_or_never().is_none());
        let mut late = Box::pin(gate.enter());
        assert!((&mut late).now_or_never().is_none());
        drop(inside);
        assert!(shutting.now_or_never().is_some());
        assert!(late.now_or_never().unwrap().is_err());
    }
}
