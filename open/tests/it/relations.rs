use std::path::Path;

use datastore_open::{Relation, StoreUrl, relation, same_store};

fn url(path: &Path, rest: &str) -> StoreUrl {
    format!("fjall:{}{rest}", path.display()).parse().unwrap()
}

#[test]
fn one_directory_is_one_store_however_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    std::fs::create_dir(here.join("store")).unwrap();
    let store = url(here, "/store");
    for other in ["/store", "/store/", "/./store", "/store/.", "/other/../store", "//store"] {
        let other = url(here, other);
        assert_eq!(relation(&store, &other).unwrap(), Relation::Overlapping, "{other}");
        assert!(same_store(&store, &other).unwrap());
    }
    let other = url(here, "/store2");
    assert_eq!(relation(&store, &other).unwrap(), Relation::Apart);
    assert!(!same_store(&store, &other).unwrap());
}

#[test]
fn a_store_that_does_not_exist_yet_is_compared_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let new = url(directory.path(), "/new/store");
    let same = url(directory.path(), "/new/./x/../store");
    assert_eq!(relation(&new, &same).unwrap(), Relation::Overlapping);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_to_a_store_is_that_store() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    std::fs::create_dir_all(here.join("real/store")).unwrap();
    std::os::unix::fs::symlink(here.join("real"), here.join("link")).unwrap();
    let (real, link) = (url(here, "/real/store"), url(here, "/link/store"));
    assert_eq!(relation(&real, &link).unwrap(), Relation::Overlapping);
    // `..` goes up from where the link leads, as it does when the path is opened.
    let up = url(here, "/link/store/../../real/store");
    assert_eq!(relation(&real, &up).unwrap(), Relation::Overlapping);
}

#[test]
fn a_relative_path_and_its_absolute_form_are_one_store() {
    let absolute = std::path::absolute("some/store").unwrap();
    let relative: StoreUrl = "fjall:some/store".parse().unwrap();
    assert_eq!(relation(&relative, &url(&absolute, "")).unwrap(), Relation::Overlapping);
}

#[test]
fn a_store_in_the_directory_of_another_overlaps_it() {
    let directory = tempfile::tempdir().unwrap();
    let (outer, inner) = (url(directory.path(), "/a"), url(directory.path(), "/a/b"));
    assert_eq!(relation(&outer, &inner).unwrap(), Relation::Overlapping);
    assert_eq!(relation(&inner, &outer).unwrap(), Relation::Overlapping);
    assert_eq!(relation(&inner, &url(directory.path(), "/a/bc")).unwrap(), Relation::Apart);
}

#[test]
fn namespaces_of_one_store_overlap_where_one_holds_the_other() {
    let here = Path::new("store");
    let whole = url(here, "");
    let at = |namespace: &str| url(here, &format!("?namespace={namespace}"));
    for (a, b) in [(at("/a"), at("/a")), (at("/a"), at("/a/b")), (whole, at("/a"))] {
        assert_eq!(relation(&a, &b).unwrap(), Relation::Overlapping, "{a} {b}");
        assert_eq!(relation(&b, &a).unwrap(), Relation::Overlapping, "{a} {b}");
    }
    assert_eq!(relation(&at("/a"), &at("/ab")).unwrap(), Relation::Beside);
    assert!(same_store(&at("/a"), &at("/ab")).unwrap());
}

#[test]
fn two_stores_in_memory_are_apart() {
    let memory: StoreUrl = "memory:".parse().unwrap();
    assert_eq!(relation(&memory, &memory).unwrap(), Relation::Apart);
    let fjall = url(Path::new("x"), "");
    assert_eq!(relation(&memory, &fjall).unwrap(), Relation::Apart);
}
