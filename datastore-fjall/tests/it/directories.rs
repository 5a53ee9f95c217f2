use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use datastore::{Datastore, DatastoreExt, Error, ErrorKind, key};
use datastore_fjall::{FjallDatastore, FjallOptions};
use futures::executor::block_on;

use crate::support::{copy_directory, files, open};

fn open_error(path: &Path) -> Error {
    block_on(FjallDatastore::open(path)).unwrap_err()
}

#[test]
fn a_second_handle_is_refused_with_the_path_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let error = FjallDatastore::open(directory.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let message = error.to_string();
        assert!(message.contains(directory.path().to_str().unwrap()), "{message}");
        assert!(message.contains("close"), "{message}");
        store.put(&key!("/a"), "1").await.unwrap();
        store.close().await.unwrap();
        assert!(open(directory.path()).await.has(&key!("/a")).await.unwrap());
    });
}

const HELD_BY_CHILD: &str = "DATASTORE_FJALL_TEST_HOLD";

#[test]
fn a_second_process_is_refused_with_the_path_and_what_to_do() {
    // The test runs itself as the other process.
    if let Some(path) = std::env::var_os(HELD_BY_CHILD) {
        let _store = block_on(open(path.as_ref()));
        println!("holding");
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let this_test = "directories::a_second_process_is_refused_with_the_path_and_what_to_do";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([this_test, "--exact", "--nocapture"])
        .env(HELD_BY_CHILD, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("holding")));
    let error = open_error(directory.path());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(child.wait().unwrap().success());
    block_on(open(directory.path()));
}

#[test]
fn a_foreign_directory_is_refused_and_left_as_it_is() {
    for name in ["notes.txt", "version", "engine", "0.jnl", "SEAL"] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(name), "mine").unwrap();
        let error = open_error(directory.path());
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(files(directory.path()), [directory.path().join(name)]);
    }
}

#[test]
fn a_bare_fjall_database_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let database = fjall::Database::builder(directory.path()).open().unwrap();
    drop(database);
    let before = files(directory.path());
    assert_eq!(open_error(directory.path()).kind(), ErrorKind::Incompatible);
    assert_eq!(files(directory.path()), before);
}

#[test]
fn another_format_is_refused_naming_both() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async { open(directory.path()).await.close().await.unwrap() });
    let format = directory.path().join("FORMAT");
    let written = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, written.replace("version 1", "version 2\nsomething new")).unwrap();
    let before = files(directory.path());
    let error = open_error(directory.path());
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    let message = error.to_string();
    assert!(message.contains("version 1") && message.contains("version 2"), "{message}");
    for other in
        ["", "another-datastore\nversion 1\n", "\u{0}\u{1}", "datastore-fjall\nversion one\n"]
    {
        std::fs::write(&format, other).unwrap();
        assert_eq!(open_error(directory.path()).kind(), ErrorKind::Incompatible, "{other:?}");
    }
    assert_eq!(files(directory.path()), before);
    std::fs::write(&format, written).unwrap();
    block_on(open(directory.path()));
}

#[test]
fn other_layers_are_refused_naming_both() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let layered = FjallOptions::new().layers(["ttl", "seal"]);
        layered.clone().open(directory.path()).await.unwrap().close().await.unwrap();
        for other in [FjallOptions::new(), FjallOptions::new().layers(["seal", "ttl"])] {
            let error = other.open(directory.path()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incompatible);
            assert!(error.to_string().contains("ttl, seal"), "{error}");
        }
        layered.open(directory.path()).await.unwrap().close().await.unwrap();
        let nameless = FjallOptions::new().layers(["a\nb"]).open(directory.path()).await;
        assert_eq!(nameless.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_store_that_must_exist_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let must_exist = |path: &Path| block_on(FjallOptions::new().create(false).open(path));
    let missing = directory.path().join("missing");
    for path in [directory.path(), &*missing] {
        let error = must_exist(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert!(!missing.exists());
    assert!(files(directory.path()).is_empty());
    block_on(async { open(&missing).await.close().await.unwrap() });
    must_exist(&missing).unwrap();
}

#[test]
fn a_path_that_is_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(open_error(file.path()).kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_directory_in_place_of_a_file_of_the_store_is_refused_and_named() {
    for name in ["FORMAT", "LOCK", "SEAL"] {
        let directory = tempfile::tempdir().unwrap();
        block_on(async { open(directory.path()).await.close().await.unwrap() });
        let path = directory.path().join(name);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let error = open_error(directory.path());
        assert_eq!(error.kind(), ErrorKind::Incompatible, "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains("a directory"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_link_that_leads_nowhere_is_refused_and_named() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let (circle, nowhere) = (directory.path().join("circle"), directory.path().join("nowhere"));
    symlink(&circle, &circle).unwrap();
    symlink(directory.path().join("missing"), &nowhere).unwrap();
    for link in [&circle, &nowhere] {
        for path in [link.clone(), link.join("store")] {
            let error = open_error(&path);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            assert!(error.to_string().contains(link.to_str().unwrap()), "{error}");
        }
    }
    assert!(!directory.path().join("missing").exists());
    let store = directory.path().join("store");
    block_on(async { open(&store).await.close().await.unwrap() });
    for name in ["FORMAT", "LOCK", "SEAL"] {
        let path = store.join(name);
        std::fs::rename(&path, store.join("moved")).unwrap();
        symlink(&path, &path).unwrap();
        let error = open_error(&store);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        std::fs::rename(store.join("moved"), &path).unwrap();
    }
    block_on(open(&store));
}

#[test]
#[cfg(target_os = "linux")]
fn a_path_where_no_directory_can_be_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("a".repeat(300));
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let proc = Path::new("/proc/no-such-process");
    for path in [proc, &proc.join("store"), &long, &long.join("store"), &file, &file.join("store")]
    {
        let error = open_error(path);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn missing_directories_above_are_made_and_odd_names_are_fine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a b/100%/ä/store");
    block_on(async {
        open(&path).await.close().await.unwrap();
        open(&path).await.close().await.unwrap();
    });
}

#[test]
fn a_creation_that_was_interrupted_starts_over() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    block_on(async { open(&whole).await.close().await.unwrap() });
    // Whatever the engine had made by then, nobody was told that the store was there.
    for kept in 0..=files(&whole.join("engine")).len() {
        let path = directory.path().join(format!("interrupted-{kept}"));
        copy_directory(&whole, &path);
        std::fs::remove_file(path.join("SEAL")).unwrap();
        std::fs::rename(path.join("FORMAT"), path.join("FORMAT.new")).unwrap();
        for file in files(&path.join("engine")).iter().skip(kept) {
            std::fs::remove_file(file).unwrap();
        }
        block_on(async {
            let store = open(&path).await;
            store.put(&key!("/a"), "1").await.unwrap();
            store.close().await.unwrap();
            assert!(open(&path).await.has(&key!("/a")).await.unwrap());
        });
    }
}
