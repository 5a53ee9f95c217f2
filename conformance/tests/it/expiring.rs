//! Stores of values that expire: over every kind of store, over and under other wrappers, with values that never
//! do and with values that all do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Conditions, Datastore, Found, Key, MemoryDatastore,
    Namespace, Page, Query, ReadOnly, Result, Ttl, TtlOptions, Want, WriteBehind, key,
};
use datastore_conformance::{Factory, Instance, Scale, Suite};
use datastore_fjall::FjallDatastore;
use tempfile::TempDir;

use crate::fjall::directory;
use crate::modest::Modest;
use crate::stacks::{busy, short_pages};

pub(crate) fn suites() -> Vec<Suite> {
    let small = |suite: Suite| suite.scale(Scale::Small);
    let modest =
        |name, conditions| small(Suite::new(move || over(Modest::new(conditions))).name(name));
    let all_expire_modest = |name, conditions| {
        let make = move || async move { Ok(AllExpire(over(Modest::new(conditions)).await?)) };
        small(Suite::new(make).name(name))
    };
    vec![
        Suite::new(|| over(MemoryDatastore::new())).name("ttl"),
        Suite::new(|| async { Ok(ReadOnly::new(over(MemoryDatastore::new()).await?)) })
            .name("ttl_read_only"),
        Suite::new(stack).name("ttl_stack"),
        small(Suite::new(|| over(busy(MemoryDatastore::new()))).name("ttl_write_behind")),
        Suite::new(all_expire).name("all_expire"),
        small(Suite::new(behind_all_expire).name("write_behind_all_expire")),
        small(Suite::new(all_expire_behind).name("all_expire_write_behind")),
        Suite::new(OverFjall(Kind::NoneExpires)).name("ttl_fjall"),
        Suite::new(OverFjall(Kind::AllExpire)).name("all_expire_fjall"),
        Suite::new(OverFjall(Kind::Behind)).name("write_behind_ttl_fjall"),
        modest("ttl_modest", Conditions::SingleKey),
        modest("ttl_modest_puts", Conditions::SinglePut),
        all_expire_modest("all_expire_modest", Conditions::SingleKey),
        all_expire_modest("all_expire_modest_unconditional", Conditions::Unsupported),
    ]
}

/// A layer that sweeps all the time.
async fn over<S: Datastore>(below: S) -> Result<Ttl<S>> {
    Ttl::with_options(below, always()).await
}

fn always() -> TtlOptions {
    TtlOptions {
        sweep_interval: Duration::from_millis(1),
        sweep_jitter: Duration::ZERO,
        ..TtlOptions::default()
    }
}

pub(crate) async fn all_expire() -> Result<impl Datastore> {
    Ok(AllExpire(over(short_pages(MemoryDatastore::new(), 2)).await?))
}

async fn behind_all_expire() -> Result<impl Datastore> {
    Ok(busy(AllExpire(over(MemoryDatastore::new()).await?)))
}

async fn all_expire_behind() -> Result<impl Datastore> {
    Ok(AllExpire(over(busy(MemoryDatastore::new())).await?))
}

/// Values with two headers, which wait before they are written.
pub(crate) async fn stack() -> Result<impl Datastore> {
    let inner = over(short_pages(MemoryDatastore::new(), 2)).await?;
    let options = TtlOptions { reserved: key!("/outer/.ttl"), ..always() };
    let outer = Ttl::with_options(Namespace::new(inner, key!("/inner")), options).await?;
    Ok(busy(Namespace::new(outer, key!("/outer"))))
}

/// Over the embedded store, which stays open when the layers are opened anew.
struct OverFjall(Kind);

#[derive(Clone, Copy)]
enum Kind {
    NoneExpires,
    AllExpire,
    Behind,
}

struct Below {
    kind: Kind,
    store: Arc<FjallDatastore>,
    dir: TempDir,
}

#[async_trait]
impl Factory for OverFjall {
    async fn create(&self) -> Result<Box<dyn Instance>> {
        let dir = directory()?;
        let store = Arc::new(FjallDatastore::open(dir.path()).await?);
        Ok(Box::new(Below { kind: self.0, store, dir }))
    }
}

#[async_trait]
impl Instance for Below {
    async fn open(&self) -> Result<Arc<dyn Datastore>> {
        let store = over(Arc::clone(&self.store)).await?;
        Ok(match self.kind {
            Kind::NoneExpires => Arc::new(store),
            Kind::AllExpire => Arc::new(AllExpire(store)),
            Kind::Behind => Arc::new(WriteBehind::new(store)),
        })
    }

    fn reopens(&self) -> bool {
        true
    }

    async fn remove(&self) -> Result<()> {
        self.store.close().await?;
        assert!(self.dir.path().exists(), "the directory is removed with this");
        Ok(())
    }
}

/// Gives each value a TTL that is longer than any case, so that each has an entry in the index.
#[derive(Debug)]
pub(crate) struct AllExpire<S>(Ttl<S>);

const LONG: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl<S: Datastore> Datastore for AllExpire<S> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.0.read(key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.0.query_page(query).await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.0.commit_with_ttl(batch, LONG).await.map(drop)
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.0.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.0.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.0.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.0.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.0.check().await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}
