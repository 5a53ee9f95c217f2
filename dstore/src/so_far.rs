use std::sync::{Arc, Mutex, PoisonError};

/// What a command has done by now that stays, to be told if it is interrupted.
#[derive(Clone, Default)]
pub(crate) struct SoFar(Arc<Mutex<Option<String>>>);

impl SoFar {
    pub(crate) fn is(&self, done: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    }

    pub(crate) fn told(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
