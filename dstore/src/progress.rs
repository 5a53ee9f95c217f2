use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datastore::Copied;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::human;

/// How far long work is, on standard error; shown only where that is a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    entries: Arc<AtomicU64>,
    template: &'static str,
    /// The bytes that the bar was last told.
    shown: AtomicU64,
}

/// The bar is told when so many entries, or bytes, came by.
const EVERY_ENTRIES: u64 = 512;
const EVERY_BYTES: u64 = 1 << 20;

const OPEN_ENDED: &str = "{spinner} {prefix} {entries}, {binary_bytes} ({binary_bytes_per_sec})";

const PEERS: &str = "{spinner} {prefix} {entries}";

const UP_TO: &str = "{prefix} [{wide_bar}] {percent} % · {entries}, {binary_bytes} \
                     ({binary_bytes_per_sec}), {eta} left";

impl Progress {
    /// Of work whose end is not known.
    pub(crate) fn open_ended(doing: &'static str) -> Self {
        Self::show(ProgressBar::new_spinner(), doing, OPEN_ENDED)
    }

    /// Of work that writes to standard output as it goes: not shown where that is a terminal too.
    pub(crate) fn beside_output(doing: &'static str) -> Self {
        Self::show(unless_beside_output(ProgressBar::new_spinner()), doing, OPEN_ENDED)
    }

    /// Of work that ends after `bytes`.
    pub(crate) fn up_to(doing: &'static str, bytes: u64) -> Self {
        Self::show(ProgressBar::new(bytes), doing, UP_TO)
    }

    /// Both: it ends after `bytes`, and writes to standard output as it goes.
    pub(crate) fn beside_output_up_to(doing: &'static str, bytes: u64) -> Self {
        Self::show(unless_beside_output(ProgressBar::new(bytes)), doing, UP_TO)
    }

    /// Of peers, whose bytes nobody counts, that are written to standard output as they come.
    pub(crate) fn of_peers(doing: &'static str) -> Self {
        let progress = Self::show(unless_beside_output(ProgressBar::new_spinner()), doing, PEERS);
        progress.count(human::peers);
        progress
    }

    /// Counts blocks rather than entries.
    pub(crate) fn of_blocks(self) -> Self {
        self.count(human::blocks);
        self
    }

    fn show(bar: ProgressBar, doing: &'static str, template: &'static str) -> Self {
        bar.set_prefix(doing);
        let entries = Arc::new(AtomicU64::new(0));
        let progress = Self { bar, entries, template, shown: AtomicU64::new(0) };
        progress.count(human::entries);
        progress
    }

    fn count(&self, words: fn(u64) -> String) {
        let shown = Arc::clone(&self.entries);
        // A template that is not one leaves the plain bar; a test sees to it that these are.
        if let Ok(style) = ProgressStyle::with_template(self.template) {
            let write = move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
                // A terminal that takes no text has nobody to tell.
                let _nobody = to.write_str(&words(shown.load(Ordering::Relaxed)));
            };
            self.bar.set_style(style.with_key("entries", write));
        }
    }

    pub(crate) fn set(&self, Copied { entries, bytes }: Copied) {
        self.entries.store(entries, Ordering::Relaxed);
        // To draw costs more than to copy a small entry.
        let step = bytes.saturating_sub(self.shown.load(Ordering::Relaxed));
        if entries.is_multiple_of(EVERY_ENTRIES) || step >= EVERY_BYTES {
            self.shown.store(bytes, Ordering::Relaxed);
            self.bar.set_position(bytes);
        }
    }
}

fn unless_beside_output(bar: ProgressBar) -> ProgressBar {
    if std::io::stdout().is_terminal() { ProgressBar::hidden() } else { bar }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{OPEN_ENDED, PEERS, ProgressStyle, UP_TO};

    #[test]
    fn the_templates_are_templates() {
        for template in [OPEN_ENDED, PEERS, UP_TO] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
