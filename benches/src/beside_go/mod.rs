//! The works that are measured beside Go's libraries: the same keys, addresses and ids, the same names of the
//! results, one JSON object a line, so that one summary reads both.

mod data;
mod disk;
mod flags;
mod large;
mod lines;
mod micro;
mod pcg;
mod stores;

use crate::Result;
pub use flags::Flags;

/// Runs the suite that the flags name, in a folder that is removed first and afterwards.
///
/// # Errors
/// A suite that is not known, and what the stores fail with.
pub async fn run(flags: &Flags) -> Result<()> {
    if let Some(dir) = &flags.load {
        return large::load(flags, dir).await;
    }
    let dir = flags.dir()?;
    match flags.suite.as_str() {
        "peerstore" => micro::run(flags, dir.path()).await,
        "peerlarge" => large::run(flags, dir.path()).await,
        "datastore" => stores::run(flags, dir.path()).await,
        "datasync" => stores::run_synced(flags, dir.path()).await,
        other => {
            Err(format!("{other:?} is no suite: peerstore, peerlarge, datastore, datasync").into())
        }
    }
}
