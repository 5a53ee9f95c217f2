//! What runs on the writer's thread: all writes below.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::join_all;

use super::order::write_in_order;
use super::shared::Shared;
use super::state::tell;
use super::steps::{Next, Pass};
use crate::{Batch, Condition, Datastore, Error, ErrorKind, Outcome, Page, Query, Result, Want};

/// Writes below until the wrapper is closed or dropped; returns what closing failed with.
///
/// What is below may need a runtime: it is called as the contract says that it can be, without one. A
/// panic of it is an error of that call.
pub(super) async fn run(below: &impl Datastore, shared: &Shared) -> Option<Arc<Error>> {
    let indexes = shared.state().options.indexes.clone();
    loop {
        match shared.next().await {
            Next::Flush(batch, flush) => {
                let result = guarded(write_in_order(below, batch, &indexes)).await;
                let atomic = below.capabilities().atomic_batches;
                shared.state().end_flush(flush, result, atomic, shared.now());
            }
            Next::Pass(passes) => {
                join_all(passes.into_iter().map(|pass| go_through(below, shared, pass))).await;
            }
            Next::Pages(pages) => {
                for page in pages.into_iter().filter(|page| !page.reply.is_canceled()) {
                    let result = guarded(read_page(below, shared, &page.query)).await;
                    tell(page.reply, result);
                }
            }
            Next::Close => {
                let unwritten = shared.state().unwritten_for();
                return match unwritten {
                    None => guarded(below.sync()).await.err().map(Arc::new),
                    because => because,
                };
            }
            Next::End => return None,
            Next::Wait(_) => {}
        }
    }
}

async fn go_through(below: &impl Datastore, shared: &Shared, pass: Pass) {
    let Pass { id, mut batch, reply } = pass;
    let result = guarded(async {
        rename_versions(below, &mut batch)
            .await
            .map_err(|error| error.with_outcome(Outcome::NotApplied))?;
        below.commit(batch).await
    })
    .await;
    shared.state().end_pass(id);
    tell(reply, result);
}

/// A value that was read while it was pending had no version of the store below yet; the value itself
/// stood for it. Where the store below has other versions, the one of that value takes its place.
async fn rename_versions(below: &impl Datastore, batch: &mut Batch) -> Result<()> {
    for condition in &mut batch.conditions {
        if let Condition::Unchanged(key, version) = condition
            && let Some(value) = version.as_value()
            && let Some(found) = below.read(key, Want::Value).await?
            && found.value() == Some(value)
            && let Some(own) = found.version()
        {
            *version = own;
        }
    }
    Ok(())
}

/// Reads a page while nothing is written below: what is pending now, over what is there now.
async fn read_page(below: &impl Datastore, shared: &Shared, query: &Query) -> Result<Page> {
    let Some(range) = query.key_range() else { return Ok(Page::default()) };
    let view = shared.state().view(query, &range);
    let page = below.query_page(&view.query_below(query)).await?;
    view.over(query, page)
}

async fn guarded<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
        let error = Error::new(ErrorKind::Internal, "the store below panicked");
        Err(error.with_outcome(Outcome::Unknown))
    })
}
