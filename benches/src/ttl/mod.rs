//! Values that expire, beside what they are made of: the engine, and the store below the layer.

mod expiring;
mod keys;
mod plain;
mod scale;

use std::path::Path;
use std::sync::Arc;

use self::expiring::Expiring;
use self::plain::{Plain, Raw};
pub use self::scale::TtlScale;
use crate::{BenchRuntime, Comparison, Goal, Result, Row, Spread, alternate};

/// Lets values that expire and what they are made of take turns at the same work below `dir`, and hands
/// each row over as soon as it is known.
///
/// # Errors
/// Those of the stores and the file system, and of `done`.
pub fn ttl_suite(
    runtime: &BenchRuntime,
    dir: &Path,
    scale: TtlScale,
    filter: impl Fn(&str) -> bool,
    mut done: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let mut row = |name: &str, goal, compare: &dyn Fn(&Path) -> Result<Comparison>| -> Result<()> {
        if !filter(name) {
            return Ok(());
        }
        let scratch = tempfile::tempdir_in(dir)?;
        let comparison = compare(scratch.path())?;
        done(Row { name: name.into(), comparison, goal: Some(Goal::AtMost(goal)) })
    };
    row("ttl/refresh", 1.15, &|dir| {
        let ours = Expiring::load(runtime, &dir.join("ours"), scale, scale.stored)?;
        let plain = Plain::load(runtime, &dir.join("plain"), scale.stored)?;
        alternate(
            scale.write_rounds(),
            |round| runtime.run(Arc::clone(&ours).refresh(scale.written(round))),
            |round| runtime.run(Arc::clone(&plain).put(scale.written(round))),
        )
    })?;
    row("ttl/sweep", 1.3, &|dir| {
        let ours = Expiring::load(runtime, &dir.join("ours"), scale, scale.stored)?;
        let raw = Raw::load(runtime, &dir.join("raw"), scale.stored)?;
        alternate(
            scale.rounds,
            |_| runtime.run(Arc::clone(&ours).sweep()),
            |round| {
                let raw = Arc::clone(&raw);
                runtime.run(async move { raw.get_and_remove(scale, round) })
            },
        )
    })?;
    row("ttl/sweep-in-many", 1.6, &|dir| {
        let many = Expiring::load(runtime, &dir.join("many"), scale, scale.many())?;
        let few = Expiring::load(runtime, &dir.join("few"), scale, scale.stored)?;
        alternate(
            scale.rounds,
            |_| runtime.run(Arc::clone(&many).sweep()),
            |_| runtime.run(Arc::clone(&few).sweep()),
        )
    })?;
    // Not a ratio: the time itself, in microseconds, beside a page of nothing of the store below.
    row("ttl/empty-sweep-us", 50.0, &|dir| {
        let ours = Expiring::load(runtime, &dir.join("ours"), scale, scale.stored)?;
        // What a sweep removed is where the next one must not look again.
        runtime.run(Arc::clone(&ours).sweep())?;
        let comparison = alternate(
            scale.write_rounds(),
            |_| runtime.run(Arc::clone(&ours).sweep_of_nothing()),
            |_| runtime.run(Arc::clone(&ours).page_of_nothing()),
        )?;
        let Spread { low, median, high } = comparison.left;
        let ratio = Spread { low: low / 1e3, median: median / 1e3, high: high / 1e3 };
        Ok(Comparison { ratio, ..comparison })
    })?;
    // No times: entries of the index, and keys.
    row("ttl/entries-per-key", 1.1, &|dir| {
        let few = TtlScale { rounds: 0, ..scale };
        let ours = Expiring::load(runtime, &dir.join("ours"), few, scale.writes)?;
        let entries = |_| runtime.run(Arc::clone(&ours).entries_after_refreshes(scale.writes));
        alternate(1, entries, |_| Ok(scale.writes as f64))
    })
}
