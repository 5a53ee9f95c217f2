//! Where requests run: on the runtime of the caller, and without one on a thread of this crate's own.

use std::cell::Cell;
use std::future::Future;
use std::sync::OnceLock;
use std::thread;

use datastore::{Error, ErrorKind, Outcome, Result};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// Runs `work` here if this is a tokio runtime (with I/O and time, as `#[tokio::main]` makes it),
/// elsewhere on the thread of this crate. Dropping the future cancels the work.
pub(crate) async fn run<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    if Handle::try_current().is_ok() {
        return work.await;
    }
    let mut task = Cancelled(spawn(work)?);
    (&mut task.0).await.unwrap_or_else(|error| {
        let message = "the thread that talks to object storage ended";
        Err(Error::new(ErrorKind::Internal, message)
            .with_outcome(Outcome::Unknown)
            .with_source(error))
    })
}

/// Runs `work` on the thread of this crate, whatever becomes of the caller's runtime.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>> {
    match THREAD.get_or_init(start) {
        Some(handle) => Ok(handle.spawn(work)),
        None => Err(Error::new(ErrorKind::Unavailable, "the system gives no thread")
            .with_outcome(Outcome::NotApplied)),
    }
}

/// Whether this is the thread of this crate.
pub(crate) fn is_ours() -> bool {
    OURS.get()
}

thread_local! {
    static OURS: Cell<bool> = const { Cell::new(false) };
}

/// One thread for all stores, started when it is first needed; it lives as long as the process.
static THREAD: OnceLock<Option<Handle>> = OnceLock::new();

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("datastore:s3".into())
        .spawn(move || {
            OURS.set(true);
            runtime.block_on(std::future::pending::<()>());
        })
        .ok()?;
    Some(handle)
}

/// A task that ends when nobody waits for it any longer.
struct Cancelled<T>(JoinHandle<T>);

impl<T> Drop for Cancelled<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
