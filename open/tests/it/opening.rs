use std::path::Path;

use datastore::{Datastore, DatastoreExt, ErrorKind, Query, key};
use datastore_open::open;
use futures::TryStreamExt;

async fn round_trip(url: &str, directory: &Path) {
    let store = open(url).await.expect(url);
    store.put(&key!("/a"), "1").await.unwrap();
    store.close().await.unwrap();
    assert!(directory.is_dir(), "{url} made {}", directory.display());

    let store = open(url).await.expect(url);
    assert_eq!(store.get(&key!("/a")).await.unwrap().as_deref(), Some(&b"1"[..]), "{url}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_directory_is_where_its_url_says() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    for (path, name) in [
        ("/plain", "plain"),
        ("/with space", "with space"),
        ("/with%20escape", "with escape"),
        ("/100%25", "100%"),
        ("/what%3F", "what?"),
        ("/a#b", "a#b"),
        ("/not/yet/there", "not/yet/there"),
    ] {
        round_trip(&format!("fjall:{here}{path}"), &directory.path().join(name)).await;
    }
    round_trip(&format!("fjall://{here}/slashes"), &directory.path().join("slashes")).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    round_trip(&format!("fjall:{}/caf%E9", directory.path().display()), &path).await;
}

#[tokio::test]
async fn a_store_that_must_exist_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let error = open(&format!("fjall:{}?create=false", path.display())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_namespace_is_a_part_of_its_store() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("fjall:{}/store", directory.path().display());

    let part = open(&format!("{url}?namespace=/n/a%2520b")).await.unwrap();
    part.put(&key!("/x"), "1").await.unwrap();
    assert!(part.capabilities().max_key_len < datastore::Key::MAX_LEN);
    part.close().await.unwrap();
    assert_eq!(part.get(&key!("/x")).await.unwrap_err().kind(), ErrorKind::Closed);

    // Closing the part closed the store: it can be opened again.
    let whole = open(&url).await.unwrap();
    let keys: Vec<_> = whole.query_keys(Query::all()).try_collect().await.unwrap();
    assert_eq!(keys, [key!("/n/a b/x")]);
    whole.close().await.unwrap();
}

#[tokio::test]
async fn what_a_namespace_does_not_change_it_passes_on() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("fjall:{}/store?namespace=/n", directory.path().display());
    let store = open(&url).await.unwrap();
    store.put(&key!("/a"), "1").await.unwrap();
    store.sync().await.unwrap();
    store.compact().await.unwrap();
    assert!(store.disk_usage().await.unwrap() > 0);
    assert!(store.check().await.unwrap().is_clean());
    assert_eq!(store.count(Query::all()).await.unwrap(), 1);
    let view = store.snapshot().await.unwrap();
    store.delete(&key!("/a")).await.unwrap();
    assert!(view.has(&key!("/a")).await.unwrap());
    drop(view);
    store.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn each_store_in_memory_is_a_new_one() {
    let first = open("memory:").await.unwrap();
    first.put(&key!("/a"), "1").await.unwrap();
    let second = open("memory:").await.unwrap();
    assert!(!second.has(&key!("/a")).await.unwrap());
}
