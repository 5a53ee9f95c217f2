use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// Threads of the runtime that benchmarks run in. A fixed number: how fast an async store is depends on
/// whether there is a second thread to wake.
pub const RUNTIME_WORKERS: usize = 2;

/// The runtime of a benchmark, which runs everything as a task on one of its threads.
#[derive(Debug)]
pub struct BenchRuntime(Runtime);

impl BenchRuntime {
    /// Starts it.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start() -> Result<Self> {
        Ok(Self(Builder::new_multi_thread().worker_threads(RUNTIME_WORKERS).enable_all().build()?))
    }

    /// Runs a future as a task, since that is where stores are used: the thread that waits here is not
    /// one of the runtime's.
    ///
    /// # Errors
    /// Those of the future; and of a task that panicked.
    pub fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.block_on(self.0.spawn(future))?
    }
}
