//! Reclaiming the space of what was overwritten and deleted.

use datastore::Result;

use crate::core::Core;
use crate::errors;

/// Flushes what is in memory, then rewrites the whole tree without what no snapshot sees; blocks.
pub(crate) fn compact(core: &Core) -> Result<()> {
    let engine = core.engine()?;
    engine.flush().map_err(|error| core.health.write_failed(error))?;
    // What no snapshot sees any more is looked up anew only at each so many snapshots that end.
    for _ in 0..SNAPSHOTS_PER_LOOK {
        drop(engine.database.snapshot());
    }
    engine.data.major_compact().map_err(errors::engine)
}

const SNAPSHOTS_PER_LOOK: u32 = 10_000;
