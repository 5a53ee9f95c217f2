//! The backends that URLs reach, registered in one place: [`BACKENDS`].

mod fjall;
mod memory;

use std::fmt;
use std::sync::Arc;

use datastore::{Datastore, Result};
use futures::future::BoxFuture;

use crate::StoreUrl;
use crate::options::OptionSpec;
use crate::place::Place;

/// Every backend. To add one, write its file and add it here.
pub(crate) const BACKENDS: &[Backend] = &[memory::BACKEND, fjall::BACKEND];

/// What a scheme stands for.
pub(crate) struct Backend {
    /// What stands before the first `:` of its URLs.
    pub(crate) scheme: &'static str,
    /// How its URLs look.
    pub(crate) form: &'static str,
    /// What it is, in one line.
    pub(crate) about: &'static str,
    /// The options of its URLs, beside those that all have.
    pub(crate) options: &'static [OptionSpec],
    /// Refuses a URL whose location or option values it does not take.
    pub(crate) check: fn(&StoreUrl) -> Result<()>,
    /// Opens the store.
    pub(crate) open: fn(&StoreUrl) -> Opening,
    /// Where the store lies.
    pub(crate) place: fn(&StoreUrl) -> Result<Place>,
}

/// A store that is being opened.
pub(crate) type Opening = BoxFuture<'static, Result<Arc<dyn Datastore>>>;

/// The backend of a scheme, in any case of letters.
pub(crate) fn find(scheme: &str) -> Option<&'static Backend> {
    BACKENDS.iter().find(|backend| backend.scheme.eq_ignore_ascii_case(scheme))
}

/// The forms of all URLs, for messages.
pub(crate) fn forms() -> String {
    let forms: Vec<String> = BACKENDS.iter().map(|backend| format!("`{}`", backend.form)).collect();
    forms.join(", ")
}

impl PartialEq for Backend {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
    }
}

impl Eq for Backend {}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)
    }
}
