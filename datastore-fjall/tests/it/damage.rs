//! Damaged files give errors: never a panic, and after a clean close never a silent loss.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use datastore::{Batch, Datastore, DatastoreExt, Error, ErrorKind, Query};
use datastore_fjall::FjallDatastore;
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::support::{copy_directory, files, keys, numbered, open};

const KEYS: usize = 300;

fn value(number: usize) -> Vec<u8> {
    format!("value {number} ").repeat(20).into_bytes()
}

/// Writes a store with half of its keys in tables and half in its journal.
async fn fill(path: &Path) -> FjallDatastore {
    let store = open(path).await;
    for number in 0..KEYS / 2 {
        store.put(&numbered(number), value(number)).await.unwrap();
    }
    store.compact().await.unwrap();
    // A journal that was closed once has no zeros after its end.
    store.close().await.unwrap();
    let store = open(path).await;
    for number in KEYS / 2..KEYS {
        store.put(&numbered(number), value(number)).await.unwrap();
    }
    store
}

/// A store that was closed.
fn closed_store(path: &Path) {
    block_on(async { fill(path).await.close().await.unwrap() });
}

/// A store as a killed process leaves it.
fn crashed_store(path: &Path) {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = fill(directory.path()).await;
        copy_directory(directory.path(), path);
        store.close().await.unwrap();
    });
    assert!(!path.join("SEAL").exists());
}

fn flip(file: &Path, at: u64) {
    let mut file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 0x55]).unwrap();
}

fn length(file: &Path) -> u64 {
    file.metadata().unwrap().len()
}

/// Up to `count` positions all over a file.
fn positions(file: &Path, count: u64) -> impl Iterator<Item = u64> {
    let length = length(file);
    (0..length).step_by(length.div_ceil(count).max(1) as usize).chain(length.checked_sub(1))
}

fn open_error(path: &Path) -> Option<Error> {
    block_on(async {
        match FjallDatastore::open(path).await {
            Err(error) => Some(error),
            Ok(store) => {
                store.close().await.unwrap();
                None
            }
        }
    })
}

fn is_table(file: &Path) -> bool {
    file.parent().unwrap().ends_with("tables")
}

/// Asserts that opening says which file is damaged.
fn assert_corrupt(path: &Path, file: &Path, how: &str) {
    let error = open_error(path).unwrap_or_else(|| panic!("{} {how}: not noticed", file.display()));
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{} {how}: {error}", file.display());
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "{} {how}: {error}", file.display());
}

/// Opens what may be damaged and reads all of it: what it answers without an error must be right. Answers
/// whether anything gave an error, and what the check said.
fn read_all(path: &Path, what: &str) -> (bool, bool) {
    block_on(async {
        let Ok(store) = FjallDatastore::open(path).await else { return (true, true) };
        let mut errors = false;
        for number in 0..KEYS {
            match store.get(&numbered(number)).await {
                Ok(found) => {
                    let found = found.unwrap_or_else(|| panic!("{what}: {number} is gone"));
                    assert!(found[..] == value(number), "{what}: {number} is another");
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error:?}");
                    errors = true;
                }
            }
        }
        for query in [Query::all(), Query::all().descending()] {
            match store.query(query).try_collect::<Vec<_>>().await {
                Ok(entries) => assert_eq!(entries.len(), KEYS, "{what}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error:?}");
                    errors = true;
                }
            }
        }
        let noticed = match store.check().await {
            Ok(report) => {
                assert!(!report.is_clean() || report.entries == KEYS as u64, "{what}");
                !report.is_clean()
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error:?}");
                true
            }
        };
        let _ = store.close().await;
        (errors, noticed)
    })
}

#[test]
fn after_a_clean_close_any_flipped_byte_outside_tables_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    closed_store(path);
    for file in files(&path.join("engine")).iter().filter(|file| !is_table(file)) {
        let count =
            if file.extension().is_some_and(|extension| extension == "jnl") { 300 } else { 40 };
        for at in positions(file, count) {
            flip(file, at);
            assert_corrupt(path, file, &format!("flipped at {at}"));
            flip(file, at);
        }
    }
    let seal = path.join("SEAL");
    for at in 0..length(&seal) {
        flip(&seal, at);
        assert_corrupt(path, &seal, &format!("flipped at {at}"));
        flip(&seal, at);
    }
    assert!(read_all(path, "all undone") == (false, false));
}

#[test]
fn after_a_clean_close_missing_shorter_longer_and_new_files_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    closed_store(path);
    for file in files(&path.join("engine")) {
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert_corrupt(path, &file, "removed");
        if !bytes.is_empty() {
            fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
            assert_corrupt(path, &file, "cut by a byte");
        }
        fs::write(&file, [&bytes[..], &[0]].concat()).unwrap();
        assert_corrupt(path, &file, "longer by a byte");
        fs::write(&file, &bytes).unwrap();
    }
    for name in ["1.jnl", "keyspaces/x", "keyspaces/1/tables/99"] {
        let file = path.join("engine").join(name);
        fs::write(&file, "").unwrap();
        assert_corrupt(path, &file, "new");
        fs::remove_file(&file).unwrap();
    }
    assert!(read_all(path, "all undone") == (false, false));
}

#[test]
fn whoever_removes_the_seal_gets_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    closed_store(path);
    let journal = journal(path);
    let last = length(&journal) - 1;
    flip(&journal, last);
    assert_corrupt(path, &journal, "flipped at its end");
    fs::remove_file(path.join("SEAL")).unwrap();
    block_on(async {
        let store = open(path).await;
        assert_eq!(keys(&store, Query::all()).await.unwrap().len(), KEYS - 1);
    });
}

#[test]
fn a_damaged_table_gives_errors_and_never_a_wrong_answer() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    closed_store(&whole);
    let tables: Vec<PathBuf> = files(&whole.join("engine/keyspaces/1/tables"));
    assert!(!tables.is_empty());
    let mut unnoticed = 0;
    for table in tables {
        for at in positions(&table, 250) {
            let path = directory.path().join("damaged");
            copy_directory(&whole, &path);
            let damaged = path.join(table.strip_prefix(&whole).unwrap());
            flip(&damaged, at);
            let (errors, noticed) = read_all(&path, &format!("table flipped at {at}"));
            assert!(noticed || !errors, "check does not see what reads do, at {at}");
            unnoticed += usize::from(!noticed);
            fs::remove_dir_all(path).unwrap();
        }
    }
    assert_eq!(unnoticed, 0, "flips that the check does not see");
}

#[test]
fn a_missing_or_shorter_table_of_a_crashed_store_gives_errors() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    crashed_store(&whole);
    for table in files(&whole.join("engine/keyspaces/1/tables")) {
        for length in [None, Some(0), Some(1), Some(100), Some(length(&table) - 1)] {
            let path = directory.path().join("damaged");
            copy_directory(&whole, &path);
            let damaged = path.join(table.strip_prefix(&whole).unwrap());
            match length {
                None => fs::remove_file(&damaged).unwrap(),
                Some(length) => {
                    File::options().write(true).open(&damaged).unwrap().set_len(length).unwrap();
                }
            }
            let (errors, noticed) = read_all(&path, &format!("table cut to {length:?}"));
            assert!(errors && noticed, "cut to {length:?}");
            fs::remove_dir_all(path).unwrap();
        }
    }
}

#[test]
fn after_a_crash_a_flipped_byte_of_a_journal_costs_the_last_record_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    crashed_store(&whole);
    let bytes = length(&journal(&whole));
    for at in positions(&journal(&whole), 400) {
        let path = directory.path().join("damaged");
        copy_directory(&whole, &path);
        flip(&journal(&path), at);
        block_on(async {
            match FjallDatastore::open(&path).await {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "at {at}: {error:?}"),
                Ok(store) => {
                    assert!(bytes - at <= 20, "flipped at {at} of {bytes}: not noticed");
                    let left = keys(&store, Query::all()).await.unwrap().len();
                    assert_eq!(left, KEYS - 1);
                    store.close().await.unwrap();
                }
            }
        });
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn after_a_crash_a_journal_cut_anywhere_loses_what_was_cut_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    crashed_store(&whole);
    let bytes = length(&journal(&whole));
    for at in positions(&journal(&whole), 60) {
        let path = directory.path().join("damaged");
        copy_directory(&whole, &path);
        File::options().write(true).open(journal(&path)).unwrap().set_len(at).unwrap();
        block_on(async {
            let store = open(&path).await;
            let left = keys(&store, Query::all()).await.unwrap().len();
            // The journal has all keys, the tables have half of them.
            let expected = (KEYS / 2).max(KEYS * at as usize / bytes as usize);
            assert!(left.abs_diff(expected) <= 8, "{left} of {expected} left at {at}");
            store.put(&numbered(0), "goes on").await.unwrap();
            store.close().await.unwrap();
        });
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn after_a_crash_a_damaged_manifest_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    crashed_store(&whole);
    for file in files(&whole.join("engine")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let in_force = name.starts_with('v') || name == "current";
        if !in_force || is_table(&file) {
            continue;
        }
        let path = directory.path().join("damaged");
        copy_directory(&whole, &path);
        let damaged = path.join(file.strip_prefix(&whole).unwrap());
        let bytes = fs::read(&damaged).unwrap();
        fs::remove_file(&damaged).unwrap();
        if open_error(&path).is_none() {
            // A manifest that is no longer in force.
            assert!(name.starts_with('v'), "{} removed: not noticed", file.display());
            fs::remove_dir_all(&path).unwrap();
            continue;
        }
        assert_eq!(open_error(&path).unwrap().kind(), ErrorKind::Corrupt);
        fs::write(&damaged, &bytes).unwrap();
        for at in positions(&damaged, 60) {
            // The last byte of `current` names the only kind of checksum there is.
            if name == "current" && at == bytes.len() as u64 - 1 {
                continue;
            }
            flip(&damaged, at);
            let error = open_error(&path);
            let kind = error.map(|error| error.kind());
            let refused = matches!(kind, Some(ErrorKind::Corrupt | ErrorKind::Incompatible));
            assert!(refused, "{} flipped at {at}: {kind:?}", file.display());
            flip(&damaged, at);
        }
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn a_power_loss_that_keeps_later_pages_loses_what_follows_the_lost_one_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crashed");
    crashed_store(&path);
    let mut bytes = fs::read(journal(&path)).unwrap();
    let page = bytes.len() * 3 / 4 / 4096 * 4096;
    bytes[page..page + 4096].fill(0);
    fs::write(journal(&path), bytes).unwrap();
    block_on(async {
        let store = open(&path).await;
        let left = keys(&store, Query::all()).await.unwrap().len();
        assert!(left > KEYS / 2 && left < KEYS, "{left}");
        let batch = Batch::new().put(numbered(KEYS), "goes on").synced();
        store.commit(batch).await.unwrap();
        store.close().await.unwrap();
        let store = open(&path).await;
        assert_eq!(keys(&store, Query::all()).await.unwrap().len(), left + 1);
    });
}

fn journal(path: &Path) -> PathBuf {
    let files = files(&path.join("engine"));
    let is_journal = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "jnl");
    files.into_iter().rfind(is_journal).unwrap()
}
