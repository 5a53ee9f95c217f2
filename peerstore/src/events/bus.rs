use std::fmt;

use datastore::{Error, Result};
use parking_lot::RwLock;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

use super::PeerEvent;

/// The places for events are made when the peerstore opens.
const MAX_CAPACITY: usize = 1 << 20;

/// Where events go: to every subscriber, none of which a writer waits for.
#[derive(Debug)]
pub(crate) struct Events {
    // `None` once the peerstore is closed.
    sender: RwLock<Option<Sender<PeerEvent>>>,
}

impl Events {
    /// A bus on which a subscriber may be so many events behind.
    pub(crate) fn new(capacity: usize) -> Self {
        let sender = Sender::new(capacity.clamp(1, MAX_CAPACITY));
        Self { sender: RwLock::new(Some(sender)) }
    }

    /// Whether anybody would be told.
    pub(crate) fn are_watched(&self) -> bool {
        self.sender.read().as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(crate) fn publish(&self, events: Vec<PeerEvent>) {
        let Some(sender) = &*self.sender.read() else { return };
        for event in events {
            // Fails where nobody listens any more.
            let _ = sender.send(event);
        }
    }

    pub(crate) fn subscribe(&self) -> Result<PeerEvents> {
        let sender = self.sender.read();
        Ok(PeerEvents(sender.as_ref().ok_or_else(Error::closed)?.subscribe()))
    }

    /// Subscribers get what was sent, and then the end.
    pub(crate) fn end(&self) {
        *self.sender.write() = None;
    }
}

/// The events from the moment of the subscription on.
///
/// A subscriber that is more than [`event_capacity`](crate::PeerstoreOptions::event_capacity) events behind
/// loses the oldest, is told how many, and goes on; no writer ever waits for it.
#[derive(Debug)]
pub struct PeerEvents(Receiver<PeerEvent>);

impl PeerEvents {
    /// The next event; `None` once the peerstore is closed. Dropping the future loses no event.
    ///
    /// # Errors
    /// [`Lagged`] if events were lost; the next call goes on with the oldest that is left.
    pub async fn next(&mut self) -> Option<std::result::Result<PeerEvent, Lagged>> {
        match self.0.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(lost)) => Some(Err(Lagged { lost })),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Events that a subscriber was too slow for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// How many were lost.
    pub lost: u64,
}

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events were lost: the subscriber is too slow", self.lost)
    }
}

impl std::error::Error for Lagged {}
