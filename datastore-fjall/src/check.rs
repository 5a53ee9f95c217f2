//! Reading everything and verifying it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use datastore::{CheckReport, Error, Key, Result};
use fjall::{AbstractTree, Readable, Snapshot};

use crate::engine::Engine;
use crate::{digest, errors};

/// Compares the files of tables and values with their checksums, then reads every entry of `snapshot`:
/// key, value, and the way to it through the filters, as a read takes it.
///
/// Ends early once nobody waits for the answer.
pub(crate) fn check(
    engine: &Engine,
    snapshot: &Snapshot,
    abandoned: &AtomicBool,
) -> Result<CheckReport> {
    let mut check = Check { report: CheckReport::default(), abandoned };
    check.files(engine)?;
    check.entries(engine, snapshot)?;
    Ok(check.report)
}

struct Check<'a> {
    report: CheckReport,
    abandoned: &'a AtomicBool,
}

impl Check<'_> {
    fn files(&mut self, engine: &Engine) -> Result<()> {
        // While it is held, compaction removes none of its files.
        let version = engine.data.tree.current_version();
        let tables = engine.data.path().join("tables");
        for table in version.iter_tables() {
            let path = tables.join(table.id().to_string());
            self.file(&path, table.checksum().into_u128())?;
        }
        for values in version.blob_files.iter() {
            self.file(values.path(), values.checksum().into_u128())?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, checksum: u128) -> Result<()> {
        self.go_on()?;
        match digest::of_file(path) {
            Ok(found) if found == checksum => {}
            Ok(_) => self.report.add(path.display(), "its checksum does not match"),
            Err(error) => self.report.add(path.display(), errors::io(path, error)),
        }
        Ok(())
    }

    fn entries(&mut self, engine: &Engine, snapshot: &Snapshot) -> Result<()> {
        let mut last = "the beginning".to_owned();
        let mut failed_in_a_row = 0;
        for entry in snapshot.iter(&engine.data) {
            self.go_on()?;
            match entry.into_inner() {
                Ok((key, value)) => {
                    failed_in_a_row = 0;
                    last = self.entry(engine, snapshot, &key, value.len());
                }
                Err(error) => {
                    self.report.add(format!("after {last}"), errors::engine(error));
                    failed_in_a_row += 1;
                    if failed_in_a_row == FAILURES_IN_A_ROW {
                        self.report.add(format!("after {last}"), "the rest could not be read");
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks what a scan found, and answers its name.
    fn entry(&mut self, engine: &Engine, snapshot: &Snapshot, key: &[u8], len: usize) -> String {
        let name = match Key::new(key) {
            Ok(key) => key.to_string(),
            Err(error) => {
                self.report.add(key.escape_ascii(), error);
                return key.escape_ascii().to_string();
            }
        };
        match snapshot.contains_key(&engine.data, key) {
            Ok(true) => {
                self.report.entries += 1;
                self.report.bytes += (key.len() + len) as u64;
            }
            Ok(false) => self.report.add(&name, "a scan finds it and a read does not"),
            Err(error) => self.report.add(&name, errors::engine(error)),
        }
        name
    }

    fn go_on(&self) -> Result<()> {
        if self.abandoned.load(Ordering::Relaxed) { Err(Error::closed()) } else { Ok(()) }
    }
}

/// The engine may answer the same error again and again.
const FAILURES_IN_A_ROW: u32 = 1000;
