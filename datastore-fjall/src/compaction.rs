//! Reclaiming the space of what was overwritten and deleted.

use std::thread;
use std::time::Duration;

use datastore::Result;
use fjall::PersistMode;

use crate::core::Core;
use crate::errors;

/// Flushes what is in memory, then rewrites the whole tree without what no snapshot sees; blocks.
pub(crate) fn compact(core: &Core) -> Result<()> {
    let engine = core.engine()?;
    let written =
        |result: fjall::Result<()>| result.map_err(|error| core.health.write_failed(error));
    written(engine.data.rotate_memtable().map(drop))?;
    while engine.data.sealed_memtable_count() > 0 {
        thread::sleep(FLUSH_PAUSE);
        // Answers with an error where the flush failed: it would be waited for without end.
        written(engine.database.persist(PersistMode::Buffer))?;
    }
    // What no snapshot sees any more is looked up anew only at each so many snapshots that end.
    for _ in 0..SNAPSHOTS_PER_LOOK {
        drop(engine.database.snapshot());
    }
    engine.data.major_compact().map_err(errors::engine)
}

const FLUSH_PAUSE: Duration = Duration::from_millis(2);
const SNAPSHOTS_PER_LOOK: u32 = 10_000;
