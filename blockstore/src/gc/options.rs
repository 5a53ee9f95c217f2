use std::fmt;
use std::sync::Arc;

use super::GcProgress;

/// How garbage is collected.
///
/// # Examples
/// ```
/// use datastore_blocks::GcOptions;
///
/// let options = GcOptions::new().dry_run(true).progress(|at| eprintln!("{at:?}"));
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct GcOptions {
    pub(super) dry_run: bool,
    pub(super) despite_missing: bool,
    pub(super) progress: Option<Arc<Report>>,
}

type Report = dyn Fn(&GcProgress) + Send + Sync;

impl GcOptions {
    /// Deletes what no pin reaches, unless a block that a pin reaches is missing, or one with links is
    /// damaged.
    pub fn new() -> Self {
        Self { dry_run: false, despite_missing: false, progress: None }
    }

    /// Counts what would go, and deletes no block.
    #[must_use]
    pub fn dry_run(mut self, dry: bool) -> Self {
        self.dry_run = dry;
        self
    }

    /// Goes on where a block that a pin reaches is missing: what only that block links to is deleted.
    /// A run that passed over one so is gone on with only by calls that say it, too; others begin anew.
    #[must_use]
    pub fn despite_missing(mut self, go_on: bool) -> Self {
        self.despite_missing = go_on;
        self
    }

    /// Called after each step of about a thousand blocks.
    #[must_use]
    pub fn progress(mut self, report: impl Fn(&GcProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(report));
        self
    }
}

impl Default for GcOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GcOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dry_run, despite_missing, progress } = self;
        f.debug_struct("GcOptions")
            .field("dry_run", dry_run)
            .field("despite_missing", despite_missing)
            .field("progress", &progress.is_some())
            .finish()
    }
}
