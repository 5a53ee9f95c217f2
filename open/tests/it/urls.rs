//! What is a URL, and what is said of what is not.

use datastore::ErrorKind;
use datastore_open::{StoreUrl, url_help};

fn refusal(url: &str) -> String {
    let error = url.parse::<StoreUrl>().expect_err(url);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
    error.to_string()
}

#[test]
fn a_url_is_written_as_it_is_read() {
    for (read, written) in [
        ("memory:", "memory:"),
        ("MEMORY:", "memory:"),
        ("fjall:data", "fjall:data"),
        ("fjall:/a b", "fjall:/a%20b"),
        ("fjall:/a%20b", "fjall:/a%20b"),
        ("fjall:/100%25", "fjall:/100%25"),
        ("fjall:/a%3Fb#c", "fjall:/a%3Fb%23c"),
        ("fjall:/caf\u{e9}%FF", "fjall:/caf\u{e9}%FF"),
        ("fjall:///abs", "fjall:///abs"),
        ("fjall:x?journal=128MiB&cache=1MiB", "fjall:x?cache=1MiB&journal=128MiB"),
        ("memory:?namespace=/a%20b%2526", "memory:?namespace=/a%20b%2526"),
    ] {
        let url: StoreUrl = read.parse().expect(read);
        assert_eq!(url.to_string(), written);
        assert_eq!(written.parse::<StoreUrl>().unwrap(), url);
        let json = serde_json::to_string(&url).unwrap();
        assert_eq!(serde_json::from_str::<StoreUrl>(&json).unwrap(), url);
    }
}

#[test]
fn every_option_is_taken() {
    let url = "fjall:x?cache=64MiB&memtable=512KiB&journal=1GiB&compression=none&separate=65536\
               &create=false&namespace=/a";
    let url: StoreUrl = url.parse().unwrap();
    assert_eq!(url.namespace().unwrap(), Some(datastore::key!("/a")));
    assert_eq!(url.without_namespace().to_string().matches('&').count(), 5);
    "fjall:x?separate=off&compression=lz4&create=true".parse::<StoreUrl>().unwrap();
}

#[test]
fn what_has_no_known_scheme_is_told_which_there_are() {
    for url in ["", "/var/data", "data", "rocks:/data", "./a:b", ":x"] {
        let message = refusal(url);
        assert!(message.contains("`memory:`") && message.contains("`fjall:PATH`"), "{message}");
    }
}

#[test]
fn an_unknown_option_is_told_which_there_are() {
    let message = refusal("fjall:x?cash=1MiB");
    assert!(message.contains("\"cash\"") && message.contains("`cache` (SIZE)"), "{message}");
    assert!(message.contains("`namespace`"), "{message}");
    assert!(refusal("memory:?cache=1MiB").contains("`namespace`"));
}

#[test]
fn a_repeated_or_malformed_option_is_refused() {
    assert!(refusal("fjall:x?cache=1MiB&cache=2MiB").contains("twice"));
    for url in ["fjall:x?", "fjall:x?cache", "fjall:x?cache=1MiB&", "fjall:what?.db"] {
        assert!(refusal(url).contains("%3F"), "{url}");
    }
}

#[test]
fn a_value_that_an_option_cannot_have_is_told_which_it_can() {
    for (url, allowed) in [
        ("fjall:x?cache=64MB", "`64MiB`"),
        ("fjall:x?cache=", "`64MiB`"),
        ("fjall:x?cache=-1", "`64MiB`"),
        ("fjall:x?cache=99999999TiB", "`64MiB`"),
        ("fjall:x?compression=zstd", "`none` or `lz4`"),
        ("fjall:x?create=no", "`true` or `false`"),
        ("fjall:x?separate=never", "`off`"),
        ("fjall:x?separate=4GiB", "4GiB"),
        ("fjall:x?namespace=a", "`/nodes/7`"),
        ("fjall:x?namespace=%FF", "UTF-8"),
    ] {
        assert!(refusal(url).contains(allowed), "{url}: {}", refusal(url));
    }
}

#[test]
fn a_path_that_cannot_be_meant_is_refused_with_what_can() {
    assert!(refusal("fjall:").contains("`fjall:PATH`"));
    assert!(refusal("fjall:?cache=1MiB").contains("`fjall:PATH`"));
    assert!(refusal("fjall://host/data").contains("`fjall:///absolute/path`"));
    assert!(refusal("fjall:~/data").contains("$HOME"));
    assert!(refusal("fjall:/50%").contains("`%25`"));
    assert!(refusal("fjall:/50%2").contains("`%25`"));
    assert!(refusal("fjall:/a%00b").contains("zero byte"));
    assert!(refusal("memory:data").contains("`fjall:PATH`"));
}

#[test]
fn a_url_can_ask_for_what_exists() {
    let existing = |url: &str| url.parse::<StoreUrl>().unwrap().existing().to_string();
    assert_eq!(existing("fjall:x"), "fjall:x?create=false");
    assert_eq!(existing("fjall:x?create=true"), "fjall:x?create=true");
    assert_eq!(existing("memory:"), "memory:");
}

#[test]
fn the_help_names_every_scheme_and_option() {
    let help = url_help();
    for word in [
        "memory:",
        "fjall:PATH",
        "s3://BUCKET/PREFIX",
        "gs://BUCKET/PREFIX",
        "az://CONTAINER/PREFIX",
        "cache=SIZE",
        "create=true|false",
        "endpoint=URL",
        "access=read|write|shared",
        "namespace=KEY",
    ] {
        assert!(help.contains(word), "{help}");
    }
}
