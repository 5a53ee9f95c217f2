//! Verification: every object is listed and read.

use datastore::{CheckReport, Key, KeyRange, Result, Scope};
use futures::stream::{self, StreamExt};

use crate::core::Core;
use crate::pages::Walk;

/// Reads every value, and holds it against its checksum; counts what is not ours.
pub(crate) async fn check(core: &Core) -> Result<CheckReport> {
    let mut report = CheckReport::default();
    let Some((range, span)) = everything(core) else { return Ok(report) };
    let mut listing = Walk::new(core, &range, span, core.page);
    while listing.goes_on() {
        let keys = listing.next().await?;
        let mut checked = stream::iter(keys)
            .map(|(key, _)| async move {
                let state = state(core, &key).await;
                (key, state)
            })
            .buffered(core.concurrency);
        while let Some((key, state)) = checked.next().await {
            match state? {
                // Deleted since it was listed.
                None => {}
                Some(Ok(size)) => {
                    report.entries += 1;
                    report.bytes += key.as_bytes().len() as u64 + size;
                }
                Some(Err(what)) => report.add(key, what),
            }
        }
    }
    report.foreign = listing.foreign;
    Ok(report)
}

/// Bytes of all objects of the store: values, and what it keeps for itself.
pub(crate) async fn disk_usage(core: &Core) -> Result<u64> {
    let Some((range, span)) = everything(core) else { return Ok(0) };
    let mut listing = Walk::new(core, &range, span, core.page);
    let mut bytes = 0_u64;
    while listing.goes_on() {
        for (_, size) in listing.next().await? {
            bytes = size.saturating_add(bytes);
        }
    }
    Ok(bytes.saturating_add(listing.own_bytes))
}

fn everything(core: &Core) -> Option<(KeyRange, crate::names::Span)> {
    let range = KeyRange::of_scope(&Scope::All)?;
    let span = core.names.span(&range)?;
    Some((range, span))
}

/// The size of a value that is well, or what is wrong with it; `None` if it is not there.
async fn state(core: &Core, key: &Key) -> Result<Option<std::result::Result<u64, &'static str>>> {
    let name = core.names.name(key)?;
    let got = core.remote.get(&name, None).await;
    let got = got
        .map_err(|given_up| given_up.into_error("checking", core.place()).with_key(key.clone()))?;
    Ok(got.map(|got| if got.intact { Ok(got.size) } else { Err("its checksum does not match") }))
}
