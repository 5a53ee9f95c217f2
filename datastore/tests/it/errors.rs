//! Errors and what they carry.

use std::error::Error as _;

use datastore::{Error, ErrorKind, Outcome, Partial, key};

#[test]
fn an_error_is_one_pointer_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<datastore::Result<()>>(), size_of::<usize>());
}

#[test]
fn errors_can_be_sent_shared_and_boxed() {
    fn is_portable<T: std::error::Error + Send + Sync + 'static>(
        error: T,
    ) -> Box<dyn std::error::Error + Send + Sync> {
        error.into()
    }
    assert!(is_portable(Error::closed()).downcast::<Error>().is_ok());
}

#[test]
fn the_message_stands_alone_and_the_source_behind_it() {
    let cause = std::io::Error::other("no space left on device");
    let error = Error::new(ErrorKind::Unavailable, "the journal cannot grow").with_source(cause);
    assert_eq!(error.to_string(), "the journal cannot grow");
    assert_eq!(error.source().unwrap().to_string(), "no space left on device");
    let debug = format!("{error:?}");
    assert!(debug.contains("Unavailable") && debug.contains("no space left"), "{debug}");
    assert!(Error::closed().source().is_none());
}

#[test]
fn what_is_refused_was_not_applied() {
    for (error, kind) in [
        (Error::closed(), ErrorKind::Closed),
        (Error::unsupported("snapshots"), ErrorKind::Unsupported),
        (Error::conflict(&key!("/a")), ErrorKind::Conflict),
    ] {
        assert_eq!((error.kind(), error.outcome()), (kind, Some(Outcome::NotApplied)));
        assert!(error.partial().is_none());
    }
    assert_eq!(Error::new(ErrorKind::Internal, "").outcome(), None);
}

#[test]
fn an_error_names_its_key_and_wrappers_rename_it() {
    let error = Error::conflict(&key!("/p/a"));
    assert_eq!(error.key(), Some(&key!("/p/a")));
    assert!(error.to_string().contains("/p/a"), "{error}");
    let renamed = error.map_keys(|key| key!("/p").strip_from(&key).unwrap_or(key));
    assert_eq!(renamed.key(), Some(&key!("/a")));
    assert!(renamed.to_string().starts_with("/a: "), "{renamed}");
    assert!(format!("{renamed:?}").contains("Key(/a)"), "{renamed:?}");
    assert_eq!(Error::closed().map_keys(|_| key!("/x")).key(), None);
}

#[test]
fn a_partial_commit_names_its_keys_and_wrappers_rename_them() {
    let partial = Partial { landed: vec![key!("/p/a")], failed: vec![key!("/p/b"), key!("/q")] };
    let error = Error::partial_commit(partial.clone());
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::PartialCommit, Some(Outcome::Unknown)));
    assert_eq!(error.partial(), Some(&partial));
    let renamed = error.map_keys(|key| key!("/p").strip_from(&key).unwrap_or(key));
    let partial = renamed.partial().unwrap();
    assert_eq!(partial.landed, [key!("/a")]);
    assert_eq!(partial.failed, [key!("/b"), key!("/q")]);
}
