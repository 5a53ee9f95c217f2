//! The backends that URLs reach, registered in one place: [`BACKENDS`].

mod azure;
mod endpoint;
mod fjall;
mod gcs;
mod memory;
mod objects;
mod s3;

use std::fmt;
use std::sync::Arc;

use datastore::{Datastore, Result};
use futures::future::BoxFuture;

use crate::StoreUrl;
use crate::options::OptionSpec;
use crate::place::Place;

/// Every backend. To add one, write its file and add it here.
pub(crate) const BACKENDS: &[Backend] =
    &[memory::BACKEND, fjall::BACKEND, s3::BACKEND, gcs::BACKEND, azure::BACKEND];

/// What a scheme stands for.
pub(crate) struct Backend {
    /// What stands before the first `:` of its URLs.
    pub(crate) scheme: &'static str,
    /// How its URLs look.
    pub(crate) form: &'static str,
    /// What it is, in one line.
    pub(crate) about: &'static str,
    /// The options of its URLs, beside those that all have.
    pub(crate) options: &'static [&'static [OptionSpec]],
    /// The variables of the environment that hold its credentials, if it wants some.
    pub(crate) credentials: Option<&'static str>,
    /// Refuses a URL whose location or option values it does not take.
    pub(crate) check: fn(&StoreUrl) -> Result<()>,
    /// Opens the store.
    pub(crate) open: fn(&StoreUrl) -> Opening,
    /// Removes the store, which has no entries any more; of backends where a store can be made anywhere
    /// in the place of another, and leaves something behind.
    pub(crate) remove: Option<fn(&StoreUrl) -> Removal>,
    /// Where the store lies.
    pub(crate) place: fn(&StoreUrl) -> Result<Place>,
}

impl Backend {
    /// The options of its URLs, beside those that all have.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static OptionSpec> + use<> {
        self.options.iter().copied().flatten()
    }

    /// Whether its URLs begin with `SCHEME://`.
    pub(crate) fn has_authority(&self) -> bool {
        self.form.contains("://")
    }
}

/// A store that is being opened.
pub(crate) type Opening = BoxFuture<'static, Result<Arc<dyn Datastore>>>;

/// A store that is being removed.
pub(crate) type Removal = BoxFuture<'static, Result<()>>;

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
