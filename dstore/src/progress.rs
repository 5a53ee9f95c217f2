use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datastore::Copied;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::human;

/// How far long work is, on standard error; shown only where that is a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    entries: Arc<AtomicU64>,
}

impl Progress {
    /// Of work whose end is not known.
    pub(crate) fn open_ended(doing: &'static str) -> Self {
        let bar = ProgressBar::new_spinner();
        Self::show(
            bar,
            doing,
            "{spinner} {prefix} {entries}, {binary_bytes} ({binary_bytes_per_sec})",
        )
    }

    /// Of work that ends after `bytes`.
    pub(crate) fn up_to(doing: &'static str, bytes: u64) -> Self {
        let template = "{prefix} [{wide_bar}] {percent} % · {entries}, {binary_bytes} \
                        ({binary_bytes_per_sec}), {eta} left";
        Self::show(ProgressBar::new(bytes), doing, template)
    }

    fn show(bar: ProgressBar, doing: &'static str, template: &str) -> Self {
        let entries = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&entries);
        // Falls back to the plain bar if the template is not one; a test sees to it that it is.
        if let Ok(style) = ProgressStyle::with_template(template) {
            let write = move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
                // A terminal that takes no text has nobody to tell.
                let _shown = to.write_str(&human::entries(shown.load(Ordering::Relaxed)));
            };
            bar.set_style(style.with_key("entries", write));
        }
        bar.set_prefix(doing);
        Self { bar, entries }
    }

    pub(crate) fn set(&self, Copied { entries, bytes }: Copied) {
        self.entries.store(entries, Ordering::Relaxed);
        self.bar.set_position(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
