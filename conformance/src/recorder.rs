use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use datastore::{
    Batch, Datastore, DatastoreExt, Error, ErrorKind, Found, Key, Query, Result, Version, Want,
};
use futures::{TryStreamExt, poll};

use crate::failure::{Failure, Outcome, ensure};
use crate::{Action, Call, Reply, check_linearizable};

/// A store whose calls are written down, for the checker.
pub(crate) struct Recorder {
    store: Arc<dyn Datastore>,
    /// Whether calls may fail for reasons of the test's own making.
    failing: bool,
    moments: AtomicU64,
    calls: Mutex<Vec<(Key, Call)>>,
}

impl Recorder {
    pub(crate) fn new(store: Arc<dyn Datastore>, failing: bool) -> Self {
        Self { store, failing, moments: AtomicU64::new(0), calls: Mutex::default() }
    }

    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    fn record(&self, invoked: u64, returned: u64, key: Key, action: Action, reply: Reply) {
        let call = Call { invoked, returned, action, reply };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((key, call));
    }

    /// Reads a key.
    pub(crate) async fn read(&self, key: &Key) -> Outcome<Option<(Bytes, Option<Version>)>> {
        let invoked = self.moment();
        let result = self.store.read(key, Want::Value).await;
        let returned = self.moment();
        let Some(found) = self.answered(result)? else { return Ok(None) };
        let version = found.as_ref().and_then(Found::version);
        let value = found.and_then(Found::into_value);
        self.record(invoked, returned, key.clone(), Action::Read(value.clone()), Reply::Done);
        Ok(value.map(|value| (value, version)))
    }

    /// Lists all keys: a read of each of `keys`.
    pub(crate) async fn list(&self, keys: &[Key]) -> Outcome {
        let invoked = self.moment();
        let result: Result<Vec<_>> = self.store.query(Query::all()).try_collect().await;
        let returned = self.moment();
        let Some(entries) = self.answered(result)? else { return Ok(()) };
        for key in keys {
            let mut found = entries.iter().filter(|entry| entry.key() == key);
            let value = found.next().and_then(|entry| entry.value()).cloned();
            ensure!(found.next().is_none(), "{key} is listed twice");
            self.record(invoked, returned, key.clone(), Action::Read(value), Reply::Done);
        }
        Ok(())
    }

    /// Commits puts and deletes together.
    pub(crate) async fn write(&self, writes: &[(Key, Option<Bytes>)]) -> Outcome {
        let (invoked, result) = (self.moment(), self.store.commit(batch(writes)).await);
        self.written(invoked, Some(result), writes)
    }

    /// As [`write`](Self::write), dropped after so many polls unless it is over by then.
    pub(crate) async fn write_and_drop(
        &self,
        writes: &[(Key, Option<Bytes>)],
        polls: usize,
    ) -> Outcome {
        let invoked = self.moment();
        let result = poll_up_to(self.store.commit(batch(writes)), polls).await;
        self.written(invoked, result, writes)
    }

    fn written(
        &self,
        invoked: u64,
        result: Option<Result<()>>,
        writes: &[(Key, Option<Bytes>)],
    ) -> Outcome {
        let returned = self.moment();
        // What is not atomic may land after the drop.
        let atomic = self.store.capabilities().atomic_batches;
        let dropped = if atomic { Reply::Cancelled } else { Reply::Unknown };
        for (key, value) in writes {
            let reply = match &result {
                None => dropped,
                Some(result) => self.reply(key, result)?,
            };
            self.record(invoked, returned, key.clone(), Action::Write(value.clone()), reply);
        }
        Ok(())
    }

    /// Commits a put or delete under the condition that the value is what was read.
    pub(crate) async fn swap(
        &self,
        key: &Key,
        seen: Option<(Bytes, Option<Version>)>,
        new: Option<Bytes>,
    ) -> Outcome {
        let (expected, version) = seen.unzip();
        let batch = batch(&[(key.clone(), new.clone())]);
        let batch = match version {
            Some(Some(version)) => batch.unchanged(key.clone(), version),
            Some(None) => return Err(Failure::new("a store with conditions gave no version")),
            None => batch.absent(key.clone()),
        };
        let (invoked, result) = (self.moment(), self.store.commit(batch).await);
        let (returned, reply) = (self.moment(), self.reply(key, &result)?);
        self.record(invoked, returned, key.clone(), Action::Swap { expected, new }, reply);
        Ok(())
    }

    fn reply(&self, key: &Key, result: &Result<()>) -> Outcome<Reply> {
        let Err(error) = result else { return Ok(Reply::Done) };
        if let Some(partial) = error.partial().filter(|_| self.failing) {
            let landed = partial.landed.contains(key);
            return Ok(if landed { Reply::Done } else { Reply::Unknown });
        }
        match (error.kind(), error.outcome()) {
            (ErrorKind::Conflict, _) => Ok(Reply::Conflict),
            _ if !self.failing => Err(unexpected(error)),
            (_, Some(datastore::Outcome::NotApplied)) => Ok(Reply::NotApplied),
            (_, Some(datastore::Outcome::Unknown)) => Ok(Reply::Unknown),
            (_, None) => Err(Failure::new(format!("a failed commit has no outcome: {error:?}"))),
        }
    }

    /// The answer of a read; `None` if it failed and may.
    fn answered<T>(&self, result: Result<T>) -> Outcome<Option<T>> {
        match result {
            Ok(answer) => Ok(Some(answer)),
            Err(_) if self.failing => Ok(None),
            Err(error) => Err(unexpected(&error)),
        }
    }

    /// Whether some order explains what was written down.
    pub(crate) fn check(&self) -> Outcome {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        check_linearizable(calls).map_err(Failure::new)
    }
}

fn unexpected(error: &Error) -> Failure {
    Failure::new(format!("a call failed: {}", crate::failure::describe(error)))
}

fn batch(writes: &[(Key, Option<Bytes>)]) -> Batch {
    writes.iter().cloned().fold(Batch::new(), |batch, (key, value)| match value {
        Some(value) => batch.put(key, value),
        None => batch.delete(key),
    })
}

/// What the future answers within so many polls; it is dropped after them. Other tasks run between.
pub(crate) async fn poll_up_to<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(answer) = poll!(future.as_mut()) {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}
