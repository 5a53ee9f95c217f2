//! Pages of a listing.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::objects::StoredObject;

/// The most entries a page has, whatever the client asks for.
const MAX_PAGE: usize = 1000;

/// Which part of a bucket to list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    pub(super) prefix: &'a str,
    /// Names that go on after the prefix and this are listed as one entry.
    pub(super) delimiter: Option<&'a str>,
    /// The last entry that is not wanted.
    pub(super) after: Option<&'a str>,
    pub(super) max: usize,
}

/// One page, in byte order.
#[derive(Debug, Default)]
pub(super) struct Listed<'a> {
    pub(super) objects: Vec<(&'a str, &'a StoredObject)>,
    pub(super) common_prefixes: Vec<&'a str>,
    /// The last entry of a page that others follow.
    pub(super) resume: Option<&'a str>,
}

impl<'a> Listed<'a> {
    /// Looks at the objects from the first that is wanted on.
    pub(super) fn page(
        objects: &'a BTreeMap<String, StoredObject>,
        selection: Selection<'_>,
    ) -> Self {
        let Selection { prefix, delimiter, after, max } = selection;
        let max = max.min(MAX_PAGE);
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut page = Self::default();
        let mut last = None;
        if max == 0 {
            return page;
        }
        for (name, object) in objects.range::<str, _>((start, Bound::Unbounded)) {
            if !name.starts_with(prefix) {
                break;
            }
            let common_prefix = delimiter.and_then(|delimiter| up_to(name, prefix, delimiter));
            let entry = common_prefix.unwrap_or(name);
            if Some(entry) == last || after.is_some_and(|after| entry <= after) {
                continue;
            }
            if page.len() == max {
                page.resume = last;
                break;
            }
            match common_prefix {
                Some(common_prefix) => page.common_prefixes.push(common_prefix),
                None => page.objects.push((name, object)),
            }
            last = Some(entry);
        }
        page
    }

    /// How many entries the page has.
    pub(super) fn len(&self) -> usize {
        self.objects.len() + self.common_prefixes.len()
    }
}

/// `name` up to and with the first delimiter behind the prefix.
fn up_to<'n>(name: &'n str, prefix: &str, delimiter: &str) -> Option<&'n str> {
    let (head, _) = name.strip_prefix(prefix)?.split_once(delimiter)?;
    name.get(..prefix.len() + head.len() + delimiter.len())
}
