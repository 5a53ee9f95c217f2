//! Reading everything and verifying it.

use std::sync::atomic::{AtomicBool, Ordering};

use datastore::{CheckReport, Error, Key, Result};
use fjall::{Readable, Snapshot};

use crate::engine::Engine;
use crate::errors;

/// Reads every entry of `snapshot`: keys, values, and the way to each through the filters, as a read
/// of it takes. Ends early once nobody waits for the answer.
pub(crate) fn check(engine: &Engine, snapshot: &Snapshot, abandoned: &AtomicBool) -> Result<CheckReport> {
    let mut report = CheckReport::default();
    let mut last = "the beginning".to_owned();
    let mut failed_in_a_row = 0;
    for entry in snapshot.iter(&engine.data) {
        if abandoned.load(Ordering::Relaxed) {
            return Err(Error::closed());
        }
        let (key, value) = match entry.into_inner() {
            Ok(entry) => entry,
            Err(error) => {
                report.add(format!("after {last}"), errors::engine(error));
                failed_in_a_row += 1;
                if failed_in_a_row == FAILURES_IN_A_ROW {
                    report.add(format!("after {last}"), "the rest could not be read");
                    break;
                }
                continue;
            }
        };
        failed_in_a_row = 0;
        let name = match Key::new(&key) {
            Ok(key) => key.to_string(),
            Err(error) => {
                report.add(key.escape_ascii(), error);
                continue;
            }
        };
        match snapshot.contains_key(&engine.data, &key) {
            Ok(true) => {
                report.entries += 1;
                report.bytes += (key.len() + value.len()) as u64;
            }
            Ok(false) => report.add(&name, "a scan finds it and a read does not"),
            Err(error) => report.add(&name, errors::engine(error)),
        }
        last = name;
    }
    Ok(report)
}

const FAILURES_IN_A_ROW: u32 = 1000;
