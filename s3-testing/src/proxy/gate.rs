//! Places where a request stops until a test lets it go on.

use std::sync::Arc;

use tokio::sync::watch;

/// A place where requests stop; clones are one gate.
///
/// A test waits until a request [arrived](Self::arrived), looks at the world as it is then, and
/// [releases](Self::release) it. No test needs to sleep.
#[derive(Clone, Debug)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    arrived: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(State { arrived: watch::Sender::new(0), open: watch::Sender::new(false) }))
    }

    /// Waits until so many requests came to the gate, those included that went on since. Needs no
    /// runtime.
    pub async fn arrived(&self, requests: usize) {
        let mut arrived = self.0.arrived.subscribe();
        // The sender cannot be gone: it is in `self`.
        let _ = arrived.wait_for(|arrived| *arrived >= requests).await;
    }

    /// Opens the gate for all who wait and all who come.
    pub fn release(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits at the gate.
    pub(super) async fn pass(&self) {
        self.0.arrived.send_modify(|arrived| *arrived += 1);
        let mut open = self.0.open.subscribe();
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
