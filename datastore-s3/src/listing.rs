//! Pages of a listing, as a bucket gives them.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde::Deserialize;

use crate::failure::Failure;

/// An object, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<Listed>,
    /// Whether there is more after these.
    pub(crate) more: bool,
    /// The server's own mark of where it goes on.
    pub(crate) token: Option<String>,
}

/// What is asked of a listing.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'w> {
    /// Only names that begin so.
    pub(crate) prefix: &'w str,
    /// Only names after this one.
    pub(crate) after: Option<&'w str>,
    /// Where an earlier page ended, instead of `after`.
    pub(crate) token: Option<String>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// Lists a bucket a page at a time, in one request.
#[async_trait]
pub(crate) trait Lister: Debug + Send + Sync {
    async fn page(&self, wanted: Wanted<'_>) -> Result<Listing, Failure>;
}

/// Lists through a client of ours, whose [`Wire`](crate::wire::Wire) reads the answer as it
/// comes: `object_store` makes paths of all names, which fails on the first `//`, and takes
/// `a/` for `a`.
pub(crate) struct WireLister<S>(pub(crate) Arc<S>);

#[async_trait]
impl<S: PaginatedListStore> Lister for WireLister<S> {
    async fn page(&self, wanted: Wanted<'_>) -> Result<Listing, Failure> {
        let mut page = self.0.list_paginated(Some(wanted.prefix), options(&wanted)).await?;
        let listing: Option<Arc<Listing>> = page.result.extensions.remove();
        let listing = listing.map(Arc::unwrap_or_clone);
        listing.ok_or_else(|| Failure::Other("the answer is not a listing".into()))
    }
}

/// Lists a store that has pages, by the paths that its client makes of names.
pub(crate) struct PathLister<S>(pub(crate) Arc<S>);

#[async_trait]
impl<S: PaginatedListStore> Lister for PathLister<S> {
    async fn page(&self, wanted: Wanted<'_>) -> Result<Listing, Failure> {
        let page = self.0.list_paginated(Some(wanted.prefix), options(&wanted)).await?;
        let objects = page.result.objects.into_iter().map(listed).collect();
        Ok(Listing { objects, more: page.page_token.is_some(), token: page.page_token })
    }
}

fn options(wanted: &Wanted<'_>) -> PaginatedListOptions {
    PaginatedListOptions {
        offset: wanted.after.filter(|_| wanted.token.is_none()).map(str::to_owned),
        max_keys: Some(wanted.limit),
        page_token: wanted.token.clone(),
        ..PaginatedListOptions::default()
    }
}

/// Lists any store, from where a page begins: one that lists out of order is noticed and refused.
#[derive(Debug)]
pub(crate) struct StreamLister(pub(crate) Arc<dyn ObjectStore>);

#[async_trait]
impl Lister for StreamLister {
    async fn page(&self, wanted: Wanted<'_>) -> Result<Listing, Failure> {
        let Wanted { prefix, after, token: _, limit } = wanted;
        // Paths are of whole segments: what is listed beside what was asked for is sorted out below.
        let path =
            |name: &str| Path::parse(name).map_err(|error| Failure::Other(error.to_string()));
        let folder = prefix.rsplit_once('/').map(|(folder, _)| path(folder)).transpose()?;
        let offset = path(after.unwrap_or_default().trim_end_matches('/'))?;
        let mut found = match after {
            Some(_) => self.0.list_with_offset(folder.as_ref(), &offset),
            None => self.0.list(folder.as_ref()),
        };
        let mut listing = Listing::default();
        while let Some(object) = found.try_next().await? {
            let object = listed(object);
            let name = object.name.as_str();
            if name < prefix || after.is_some_and(|after| name <= after) {
                continue;
            }
            if !name.starts_with(prefix) {
                break;
            }
            if listing.objects.len() == limit {
                listing.more = true;
                break;
            }
            listing.objects.push(object);
        }
        Ok(listing)
    }
}

fn listed(object: ObjectMeta) -> Listed {
    Listed { name: object.location.into(), size: object.size }
}

/// Reads the answer to `ListObjectsV2`.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(crate) fn parse(body: &[u8]) -> Result<Listing, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?.trim_end();
    // The parser would take the body of an error, or of a page of HTML, for an empty listing.
    if !text.contains("<ListBucketResult") || !(text.ends_with(">")) {
        return Err("the answer is not a whole listing".into());
    }
    let Answer { contents, is_truncated, next_continuation_token } =
        quick_xml::de::from_str(text).map_err(|error| error.to_string())?;
    let objects =
        contents.into_iter().map(|Contents { key, size }| Listed { name: key, size }).collect();
    Ok(Listing { objects, more: is_truncated, token: next_continuation_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    contents: Vec<Contents>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
}

impl<S> Debug for WireLister<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WireLister")
    }
}

impl<S> Debug for PathLister<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PathLister")
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, parse};

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p/</Prefix>
<KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>
<Contents><Key>p/a//b</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag>
<Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>
<Contents><Key>p/&amp;&lt;/</Key><LastModified>x</LastModified><Size>0</Size></Contents>
<NextContinuationToken>t=</NextContinuationToken></ListBucketResult>
"#;

    #[test]
    fn names_are_read_as_they_are() {
        let listing = parse(PAGE.as_bytes()).unwrap();
        let listed = |name: &str, size| Listed { name: name.into(), size };
        assert_eq!(listing.objects, [listed("p/a//b", 3), listed("p/&</", 0)]);
        assert!(listing.more);
        assert_eq!(listing.token.as_deref(), Some("t="));
    }

    #[test]
    fn what_is_not_a_whole_listing_is_an_error() {
        for end in 0..PAGE.trim_end().len() {
            assert!(parse(&PAGE.as_bytes()[..end]).is_err(), "{}", &PAGE[..end]);
        }
        for other in [
            "",
            "<Error><Code>InternalError</Code></Error>",
            "<html></html>",
            "<ListBucketResult/>",
        ] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }
}
