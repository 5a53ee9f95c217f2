use datastore_open::{StoreUrl, redacted};

#[test]
fn known_options_are_shown_and_all_others_hidden() {
    for (url, shown) in [
        ("fjall:/a?cache=1MiB&create=true", "fjall:/a?cache=1MiB&create=true"),
        ("fjall:/a?secret_key=abc&cache=1MiB", "fjall:/a?secret_key=***&cache=1MiB"),
        ("nosuch:/a?cache=1MiB&namespace=/x", "nosuch:/a?cache=***&namespace=/x"),
        ("fjall:/a?abc", "fjall:/a?***"),
        ("no scheme?token=abc", "no scheme?token=***"),
        ("s3://id:secret@host/b@c?x", "s3://***@host/b@c?***"),
        ("s3://id:sec@ret@host", "s3://***@host"),
        ("s3://id:sec/ret@bucket/x", "s3://***@bucket/x"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
    ] {
        assert_eq!(redacted(url), shown);
    }
}

#[test]
fn debug_output_is_redacted_and_not_lossy() {
    let url: StoreUrl = "fjall:/a b?create=false".parse().unwrap();
    assert_eq!(format!("{url:?}"), "StoreUrl(fjall:/a%20b?create=false)");
}

#[test]
fn a_refusal_does_not_repeat_a_url_of_another_scheme() {
    let error = "s3://id:hunter2@bucket?key=hunter2".parse::<StoreUrl>().unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let error = "fjall:/a?password=hunter2".parse::<StoreUrl>().unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
