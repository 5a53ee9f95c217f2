//! What a close does for the next open: the engine replays all of its last journal, of up to 64 MiB, however much
//! of it lies in tables already. So what is in memory is written to tables, and the journal is emptied.
//!
//! A close that wrote little leaves the journal as it is: to replay that takes less than a table, with its syncs.

use std::path::Path;
use std::thread;
use std::time::Duration;

use fjall::AbstractTree;

use crate::engine::Engine;
use crate::journal;

/// Writes what is in memory to tables, if it is worth it; blocks. Says whether the journal holds nothing else.
///
/// Everything is durable before this. If it fails, the journal stays and nothing is lost.
pub(crate) fn flush(engine: &Engine, path: &Path, written: u64) -> bool {
    let active = || engine.data.tree.active_memtable().size();
    let little = written < MANY_OPS && active() < MANY_BYTES;
    if little || !has_room(path, active()) {
        return false;
    }
    if let Err(error) = engine.flush() {
        tracing::warn!(%error, "what is in memory is not flushed: the next open replays the journal");
        return false;
    }
    // Journals before the last one go right after the flush, on the worker's thread.
    for _ in 0..TRIES {
        if engine.database.journal_count() == 1 {
            return active() == 0 && engine.data.sealed_memtable_count() == 0;
        }
        thread::sleep(PAUSE);
    }
    false
}

/// Whether the disk has room for tables of so many bytes, and for what the close writes after them.
fn has_room(path: &Path, bytes: u64) -> bool {
    fs4::available_space(path).is_ok_and(|room| room > bytes.saturating_add(ROOM))
}

/// Empties the one journal of a store that the engine has let go of, and of which everything lies in tables.
pub(crate) fn empty_journal(engine: &Path) {
    if let Err(error) = journal::empty(engine) {
        tracing::warn!(%error, "the journal is not emptied: the next open replays it");
    }
}

/// Fewer are replayed in a few milliseconds.
const MANY_OPS: u64 = 5_000;
const MANY_BYTES: u64 = 1 << 20;

/// For one more memtable that may wait to be flushed, and for the seal.
const ROOM: u64 = 64 << 20;

const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(1);
