use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Key, Query};
use datastore_s3::ObjectDatastore;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::BenchServer;
use crate::{BenchRuntime, Goal, Result, Row, alternate};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct RemoteScale {
    /// Pairs of rounds of many requests at a time.
    pub rounds: usize,
    /// Pairs of rounds of requests one after the other: short ones, and many, since what else the
    /// machine does lasts for longer than such a round.
    pub short_rounds: usize,
    /// Requests of a short round.
    pub requests: usize,
    /// Puts of a batch, and objects that are deleted.
    pub batch: usize,
    /// Objects that are listed.
    pub listed: usize,
}

impl RemoteScale {
    /// As the goals have it.
    pub fn full() -> Self {
        Self { rounds: 9, short_rounds: 150, requests: 60, batch: 10_000, listed: 100_000 }
    }

    /// A first look.
    pub fn quick() -> Self {
        Self { rounds: 5, short_rounds: 30, requests: 30, batch: 1000, listed: 5000 }
    }
}

/// Values of this many bytes: small records.
const VALUE: usize = 256;

/// Requests of the raw client that are under way in a batch; the best of these is what ours is held to.
const IN_FLIGHT: [usize; 3] = [16, 64, 256];

/// Lets our store and the raw client take turns at the same work, and hands each row over as soon as it
/// is known.
///
/// # Errors
/// Those of the server, and of `done`.
pub fn remote_suite(
    runtime: &BenchRuntime,
    server: BenchServer,
    scale: RemoteScale,
    filter: impl Fn(&str) -> bool,
    mut done: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let server = Arc::new(server);
    let bench = {
        let server = Arc::clone(&server);
        Arc::new(runtime.run(async move { Bench::open(&server, scale).await })?)
    };
    for work in [Work::Get, Work::Put, Work::Batch, Work::List, Work::Delete] {
        let name = format!("{}/{}", server.name(), work.name(scale));
        if !filter(&name) {
            continue;
        }
        bench.prepare(runtime, work)?;
        let comparison = alternate(
            work.rounds(scale),
            |round| bench.timed(runtime, Side::Ours, work, round),
            |round| bench.timed(runtime, Side::Raw, work, round),
        )?;
        done(Row { name, comparison, goal: work.goal() })?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    /// Values, one after the other.
    Get,
    /// Values, one after the other.
    Put,
    /// Many values at a time.
    Batch,
    /// All keys.
    List,
    /// Many keys at a time.
    Delete,
}

impl Work {
    fn name(self, scale: RemoteScale) -> String {
        match self {
            Self::Get => "get/256B".into(),
            Self::Put => "put/256B".into(),
            Self::Batch => format!("batch-{}/256B", scale.batch),
            Self::List => format!("list-{}", scale.listed),
            Self::Delete => format!("delete-{}", scale.batch),
        }
    }

    fn rounds(self, scale: RemoteScale) -> usize {
        match self {
            Self::Get | Self::Put => scale.short_rounds,
            Self::Batch | Self::List | Self::Delete => scale.rounds,
        }
    }

    fn goal(self) -> Option<Goal> {
        match self {
            Self::Get | Self::Put => Some(Goal::AtMost(1.05)),
            // 0.9 of the throughput.
            Self::Batch => Some(Goal::AtMost(1.11)),
            Self::List => Some(Goal::AtMost(1.1)),
            Self::Delete => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Ours,
    Raw,
}

struct Bench {
    raw: Arc<AmazonS3>,
    ours: ObjectDatastore,
    scale: RemoteScale,
    /// How many requests the raw client does best with.
    in_flight: usize,
}

/// Everything lies below this prefix, on both sides: our store's names are paths as they are.
const PREFIX: &str = "bench";

impl Bench {
    async fn open(server: &BenchServer, scale: RemoteScale) -> Result<Self> {
        let raw = server.raw()?;
        let in_flight = best(&raw, scale.batch).await?;
        let ours = server.open(PREFIX, in_flight).await?;
        Ok(Self { raw, ours, scale, in_flight })
    }

    /// What the work needs to be there.
    fn prepare(self: &Arc<Self>, runtime: &BenchRuntime, work: Work) -> Result<()> {
        let bench = Arc::clone(self);
        let count = match work {
            Work::Get => bench.scale.requests,
            Work::List => bench.scale.listed,
            Work::Put | Work::Batch | Work::Delete => return Ok(()),
        };
        runtime.run(async move { put_raw(&bench.raw, "/listed", count, bench.in_flight).await })
    }

    /// Time of an operation, in nanoseconds.
    fn timed(
        self: &Arc<Self>,
        runtime: &BenchRuntime,
        side: Side,
        work: Work,
        round: usize,
    ) -> Result<f64> {
        let bench = Arc::clone(self);
        runtime.run(async move {
            let folder = format!("/{}-{round}", if side == Side::Ours { "ours" } else { "raw" });
            if work == Work::Delete {
                put_raw(&bench.raw, &folder, bench.scale.batch, bench.in_flight).await?;
            }
            let start = now();
            let ops = match side {
                Side::Ours => bench.ours(work, &folder).await?,
                Side::Raw => bench.raw(work, &folder).await?,
            };
            Ok(start.elapsed().as_nanos() as f64 / ops as f64)
        })
    }

    async fn ours(&self, work: Work, folder: &str) -> Result<usize> {
        let RemoteScale { requests, batch, listed, rounds: _, short_rounds: _ } = self.scale;
        let key = |number| Key::new(name(folder, number));
        match work {
            Work::Get => {
                for number in 0..requests {
                    let value = self.ours.get(&Key::new(name("/listed", number))?).await?;
                    same(value.map_or(0, |value| value.len()), VALUE)?;
                }
                Ok(requests)
            }
            Work::Put => {
                for number in 0..requests {
                    self.ours.put(&key(number)?, value(number)).await?;
                }
                Ok(requests)
            }
            Work::Batch => {
                let mut puts = Batch::new();
                for number in 0..batch {
                    puts = puts.put(key(number)?, value(number));
                }
                self.ours.commit(puts).await?;
                Ok(batch)
            }
            Work::List => {
                let below = Query::descendants(Key::new("/listed")?);
                let keys = self
                    .ours
                    .query_keys(below)
                    .try_fold(0, |count, _| async move { Ok(count + 1) });
                same(keys.await?, listed)
            }
            Work::Delete => {
                let mut deletes = Batch::new();
                for number in 0..batch {
                    deletes = deletes.delete(key(number)?);
                }
                self.ours.commit(deletes).await?;
                Ok(batch)
            }
        }
    }

    async fn raw(&self, work: Work, folder: &str) -> Result<usize> {
        let RemoteScale { requests, batch, listed, rounds: _, short_rounds: _ } = self.scale;
        let path = |folder: &str, number| Path::parse(format!("{PREFIX}{}", name(folder, number)));
        match work {
            Work::Get => {
                for number in 0..requests {
                    let value = self.raw.get(&path("/listed", number)?).await?.bytes().await?;
                    same(value.len(), VALUE)?;
                }
                Ok(requests)
            }
            Work::Put => {
                for number in 0..requests {
                    self.raw
                        .put(&path(folder, number)?, PutPayload::from_bytes(value(number)))
                        .await?;
                }
                Ok(requests)
            }
            Work::Batch => {
                put_raw(&self.raw, folder, batch, self.in_flight).await?;
                Ok(batch)
            }
            Work::List => {
                let prefix = Path::parse(format!("{PREFIX}/listed"))?;
                let keys = self
                    .raw
                    .list(Some(&prefix))
                    .try_fold(0, |count, _| async move { Ok(count + 1) });
                same(keys.await?, listed)
            }
            Work::Delete => {
                let paths: Vec<_> = (0..batch).map(|number| Ok(path(folder, number)?)).collect();
                let deleted = self.raw.delete_stream(stream::iter(paths).boxed());
                let gone = deleted.try_fold(0, |count, _| async move { Ok(count + 1) }).await?;
                same(gone, batch)
            }
        }
    }
}

/// With how many requests at a time the raw client puts the most in the same time.
async fn best(raw: &Arc<AmazonS3>, batch: usize) -> Result<usize> {
    let mut best = (f64::INFINITY, IN_FLIGHT[0]);
    // The first round opens connections.
    for in_flight in [IN_FLIGHT[0]].into_iter().chain(IN_FLIGHT) {
        let start = now();
        put_raw(raw, "/warm", batch, in_flight).await?;
        let time = start.elapsed().as_secs_f64();
        if time < best.0 {
            best = (time, in_flight);
        }
    }
    Ok(best.1)
}

async fn put_raw(raw: &Arc<AmazonS3>, folder: &str, count: usize, in_flight: usize) -> Result<()> {
    let puts = (0..count).map(|number| {
        let raw = Arc::clone(raw);
        let path = Path::parse(format!("{PREFIX}{}", name(folder, number)));
        async move {
            raw.put(&path?, PutPayload::from_bytes(value(number))).await?;
            Ok::<_, object_store::Error>(())
        }
    });
    Ok(stream::iter(puts).buffer_unordered(in_flight).try_collect().await?)
}

fn name(folder: &str, number: usize) -> String {
    format!("{folder}/{number:08}")
}

fn value(number: usize) -> Bytes {
    let mut value = vec![0_u8; VALUE];
    value.iter_mut().zip(number.to_le_bytes().iter().cycle()).for_each(|(to, from)| *to = *from);
    value.into()
}

fn same(found: usize, expected: usize) -> Result<usize> {
    if found == expected { Ok(found) } else { Err(format!("{found} and not {expected}").into()) }
}

#[expect(clippy::disallowed_methods, reason = "the stopwatch: real time is what is measured")]
fn now() -> Instant {
    Instant::now()
}
