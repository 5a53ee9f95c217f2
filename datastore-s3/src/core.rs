//! An open store in a bucket.

use std::sync::Arc;

use datastore::{Conditions, Error, Result};
use tokio::sync::{Mutex, SemaphorePermit};

use crate::gate::Gate;
use crate::lease::Lease;
use crate::names::Names;
use crate::probe::{self, Held};
use crate::remote::Remote;
use crate::{Access, Bucket, ObjectOptions, marker};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) remote: Arc<Remote>,
    pub(crate) names: Names,
    pub(crate) held: Held,
    pub(crate) access: Access,
    pub(crate) concurrency: usize,
    pub(crate) page: usize,
    pub(crate) descending: u64,
    gate: Gate,
    /// Of the one writer.
    lease: Mutex<Option<Lease>>,
}

impl Core {
    pub(crate) async fn open(options: ObjectOptions, bucket: Bucket) -> Result<Self> {
        let ObjectOptions {
            prefix,
            access,
            create,
            conditions,
            concurrency,
            page,
            descending,
            part_bytes,
            lease,
            retry,
            clock,
        } = options;
        let names = Names::below(&prefix)?;
        let remote = Arc::new(Remote::new(bucket, retry, Arc::clone(&clock), part_bytes));
        marker::ensure(&remote, &names, create && access != Access::Read).await?;
        let held = match (access, conditions) {
            (Access::Read, _) => Held::of(Conditions::Unsupported),
            (_, Some(conditions)) => Held::of(conditions.min(remote.bucket.most_conditions())),
            (_, None) => probe::probe(&remote, &names).await?,
        };
        let lease = if access == Access::Write && held.conditions >= Conditions::SinglePut {
            Some(Lease::take(Arc::clone(&remote), &names, held, lease, clock).await?)
        } else {
            None
        };
        let (gate, lease) = (Gate::new(), Mutex::new(lease));
        Ok(Self { remote, names, held, access, concurrency, page, descending, gate, lease })
    }

    pub(crate) fn place(&self) -> &str {
        self.remote.bucket.place()
    }

    /// For the time of a read.
    pub(crate) async fn reading(&self) -> Result<SemaphorePermit<'_>> {
        self.gate.enter().await
    }

    /// For the time of a write, if this handle may write.
    pub(crate) async fn writing(&self) -> Result<SemaphorePermit<'_>> {
        let inside = self.gate.enter().await?;
        if self.access == Access::Read {
            return Err(Error::unsupported("the store was opened for reading alone"));
        }
        if let Some(lease) = &*self.lease.lock().await {
            lease.check()?;
        }
        Ok(inside)
    }

    pub(crate) async fn close(&self) {
        self.gate.shut().await;
        let mut lease = self.lease.lock().await;
        // Whoever closed before may have been dropped half-way.
        if let Some(held) = &*lease {
            held.release().await;
        }
        *lease = None;
    }
}
