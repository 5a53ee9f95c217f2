//! Listings: complete, in byte order, in pages.

use futures::TryStreamExt;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use s3_testing::S3Server;

use crate::clients::client;
use crate::targets::targets;

/// In byte order, which is no order of segments: `!`, `-` and `.` sort before `/`.
const NAMES: [&str; 9] = ["a", "a!", "a-b", "a.b", "a/b", "a/b/c", "a0", "a~", "b/c"];

#[tokio::test]
async fn a_listing_of_thousands_is_complete_and_in_order() {
    let server = S3Server::start();
    let names: Vec<_> = (0..2500).map(|n| format!("p/{n:05}")).collect();
    for name in names.iter().rev() {
        server.put_raw(name, "");
    }
    server.put_raw("o", "");
    server.put_raw("q", "");
    let listed = client(&server).list(Some(&Path::from("p")));
    let listed: Vec<_> =
        listed.map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    assert_eq!(listed, names);
}

#[tokio::test]
async fn pages_follow_each_other_in_byte_order_at_any_size() {
    for target in targets() {
        let client = target.direct();
        for name in NAMES.into_iter().rev() {
            client.put(&Path::parse(name).unwrap(), "".into()).await.unwrap();
        }
        for size in [1, 2, 3, 1000] {
            let mut listed = Vec::new();
            let mut token = None;
            loop {
                let options = PaginatedListOptions {
                    max_keys: Some(size),
                    page_token: token,
                    ..PaginatedListOptions::default()
                };
                let page = client.list_paginated(Some("a"), options).await.unwrap();
                assert!(page.result.objects.len() <= size && listed.len() < NAMES.len());
                listed
                    .extend(page.result.objects.into_iter().map(|meta| meta.location.to_string()));
                token = page.page_token;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(listed, NAMES[..8], "pages of {size}");
        }
    }
}

#[tokio::test]
async fn a_listing_starts_after_a_name_that_need_not_be_there() {
    let server = S3Server::start();
    for name in ["a/1", "a/2", "a/3", "b"] {
        server.put_raw(name, "");
    }
    let client = client(&server);
    let list = async |prefix: &str, offset: &str| -> Vec<String> {
        let options = PaginatedListOptions {
            offset: Some(offset.to_owned()),
            ..PaginatedListOptions::default()
        };
        let page = client.list_paginated(Some(prefix), options).await.unwrap();
        page.result.objects.into_iter().map(|meta| meta.location.to_string()).collect()
    };
    assert_eq!(list("a/", "a/1").await, ["a/2", "a/3"]);
    assert_eq!(list("a/", "a/1x").await, ["a/2", "a/3"]);
    assert_eq!(list("a/", "A").await, ["a/1", "a/2", "a/3"]);
    assert!(list("a/", "b").await.is_empty());
}

#[tokio::test]
async fn a_delimiter_groups_names_and_pages_repeat_no_group() {
    let server = S3Server::start();
    for name in ["a", "d/1", "d/2", "d/3", "e/1", "f", "g/1"] {
        server.put_raw(name, "");
    }
    let client = client(&server);
    let whole = client.list_with_delimiter(None).await.unwrap();
    let groups: Vec<_> = whole.common_prefixes.iter().map(AsRef::as_ref).collect();
    let objects: Vec<_> = whole.objects.iter().map(|meta| meta.location.as_ref()).collect();
    assert_eq!(groups, ["d", "e", "g"]);
    assert_eq!(objects, ["a", "f"]);

    let mut entries = Vec::new();
    let mut token = None;
    loop {
        let options = PaginatedListOptions {
            max_keys: Some(1),
            delimiter: Some("/".into()),
            page_token: token,
            ..PaginatedListOptions::default()
        };
        let page = client.list_paginated(None, options).await.unwrap();
        entries.extend(page.result.common_prefixes.iter().map(ToString::to_string));
        entries.extend(page.result.objects.iter().map(|meta| meta.location.to_string()));
        assert!(entries.len() <= 5, "{entries:?}");
        token = page.page_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(entries, ["a", "d", "e", "f", "g"]);
}

#[tokio::test]
async fn a_page_has_a_thousand_entries_at_most_whatever_is_asked() {
    let server = S3Server::start();
    for n in 0..1001 {
        server.put_raw(&format!("{n:04}"), "");
    }
    for (asked, got) in [(None, 1000), (Some(5000), 1000), (Some(999), 999)] {
        let options = PaginatedListOptions { max_keys: asked, ..PaginatedListOptions::default() };
        let page = client(&server).list_paginated(None, options).await.unwrap();
        assert_eq!(page.result.objects.len(), got);
        assert!(page.page_token.is_some());
    }
}

#[tokio::test]
async fn a_foreign_name_is_listed_as_it_is() {
    let server = S3Server::start();
    let client = client(&server);
    client.put(&Path::from("a"), "".into()).await.unwrap();
    server.put_raw("b//c", "");
    // `object_store` cannot express this name, which shows that it was sent.
    let error = client.list(None).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("b//c"), "{error}");
}
