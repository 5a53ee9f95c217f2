//! Commits: a request for each put, one for up to a thousand deletes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datastore::{
    Batch, Condition, Conditions, Error, ErrorKind, Key, Op, Outcome, Partial, Result,
};
use futures::FutureExt;
use futures::stream::{self, StreamExt};

use crate::core::Core;
use crate::remote::{BULK, When, is_condition};
use crate::retry::GivenUp;
use crate::tag;

/// The largest object that S3 takes in one request, and so the largest value: 5 GiB.
pub(crate) const MAX_VALUE_LEN: u64 = 5 << 30;

pub(crate) async fn commit(core: &Core, batch: Batch) -> Result<()> {
    let Batch { ops, conditions, durability: _ } = batch;
    let _writing = core.writing().await?;
    let writes = plan(core, ops).map_err(|error| error.with_outcome(Outcome::NotApplied))?;
    match conditions.first().map(Condition::key).cloned() {
        None => apply(core, writes).await,
        Some(key) => {
            let one = OneKey::of(core, key, &writes, &conditions)?;
            one.apply(core, writes.into_iter().next()).await
        }
    }
}

/// What becomes of one key.
struct Write {
    key: Key,
    name: String,
    /// Its new value; `None` deletes it.
    value: Option<Bytes>,
}

/// The last operation on each key, checked, in the order of the batch.
fn plan(core: &Core, ops: Vec<Op>) -> Result<Vec<Write>> {
    let mut writes = Vec::with_capacity(ops.len());
    let mut places = HashMap::with_capacity(ops.len());
    for op in ops {
        let (key, value) = match op {
            Op::Put { key, value } => (key, Some(value)),
            Op::Delete { key } => (key, None),
        };
        if let Some(value) = &value
            && value.len() as u64 > MAX_VALUE_LEN
        {
            let message = format!("the value has {} bytes, more than {MAX_VALUE_LEN}", value.len());
            return Err(Error::new(ErrorKind::InvalidInput, message).with_key(key));
        }
        let name = core.names.name(&key)?;
        let place = *places.entry(key.clone()).or_insert(writes.len());
        match writes.get_mut(place) {
            Some(Write { value: earlier, .. }) => *earlier = value,
            None => writes.push(Write { key, name, value }),
        }
    }
    Ok(writes)
}

async fn apply(core: &Core, mut writes: Vec<Write>) -> Result<()> {
    if writes.len() > 1 {
        return apply_many(core, writes).await;
    }
    let Some(Write { key, name, value }) = writes.pop() else { return Ok(()) };
    let written = match value {
        Some(value) => core.remote.put(&name, value).await,
        None => core.remote.delete(&name).await,
    };
    written.map_err(|given_up| given_up.into_write_error("writing", core.place()).with_key(key))
}

async fn apply_many(core: &Core, writes: Vec<Write>) -> Result<()> {
    let total = writes.len();
    // What the server refuses once, after all retries, it is not asked ten thousand times.
    let given_up = AtomicBool::new(false);
    let (puts, deletes): (Vec<_>, Vec<_>) =
        writes.into_iter().partition(|write| write.value.is_some());
    let deletes = chunks(deletes);
    let puts = stream::iter(puts).map(|write| put(core, &given_up, write).boxed());
    let deletes = stream::iter(deletes).map(|chunk| delete(core, &given_up, chunk).boxed());
    let mut puts = puts.buffer_unordered(core.concurrency).fuse();
    let mut deletes = deletes.buffer_unordered(BULKS).fuse();

    let mut done = Done::default();
    loop {
        futures::select! {
            put = puts.select_next_some() => done.add([put]),
            deleted = deletes.select_next_some() => done.add(deleted),
            complete => break,
        }
    }
    done.result(core, total)
}

/// How many bulk deletes are under way at a time.
const BULKS: usize = 4;

type Landed = (Key, Result<(), GivenUp>);

async fn put(core: &Core, given_up: &AtomicBool, write: Write) -> Landed {
    let Write { key, name, value } = write;
    if given_up.load(Ordering::Relaxed) {
        return (key, Err(GivenUp::untried()));
    }
    let put = core.remote.put(&name, value.unwrap_or_default()).await;
    given_up.fetch_or(put.is_err(), Ordering::Relaxed);
    (key, put)
}

async fn delete(core: &Core, given_up: &AtomicBool, chunk: Vec<Write>) -> Vec<Landed> {
    let (keys, names): (Vec<_>, Vec<_>) =
        chunk.into_iter().map(|write| (write.key, write.name)).unzip();
    if given_up.load(Ordering::Relaxed) {
        return keys.into_iter().map(|key| (key, Err(GivenUp::untried()))).collect();
    }
    let deleted = core.remote.delete_bulk(&names).await;
    given_up.fetch_or(deleted.iter().any(Result::is_err), Ordering::Relaxed);
    keys.into_iter().zip(deleted).collect()
}

fn chunks(writes: Vec<Write>) -> Vec<Vec<Write>> {
    let mut chunks = Vec::with_capacity(writes.len().div_ceil(BULK));
    let mut writes = writes.into_iter().peekable();
    while writes.peek().is_some() {
        chunks.push(writes.by_ref().take(BULK).collect());
    }
    chunks
}

/// What became of the keys of a batch.
#[derive(Default)]
struct Done {
    partial: Partial,
    /// The first failure that says why, and what is known of all of them together.
    failure: Option<GivenUp>,
    unknown: bool,
}

impl Done {
    fn add(&mut self, landed: impl IntoIterator<Item = Landed>) {
        for (key, result) in landed {
            match result {
                Ok(()) => self.partial.landed.push(key),
                Err(given_up) => {
                    self.partial.failed.push(key);
                    self.unknown |= given_up.outcome == Outcome::Unknown;
                    if self.failure.as_ref().is_none_or(GivenUp::is_untried) {
                        self.failure = Some(given_up);
                    }
                }
            }
        }
    }

    fn result(self, core: &Core, total: usize) -> Result<()> {
        let Self { partial, failure, unknown } = self;
        let Some(failure) = failure else { return Ok(()) };
        let outcome = if unknown { Outcome::Unknown } else { Outcome::NotApplied };
        let doing = format!("writing {total} keys");
        let cause = failure.into_error(&doing, core.place()).with_outcome(outcome);
        if partial.landed.is_empty() {
            return Err(cause);
        }
        Err(Error::partial_commit(partial).with_source(cause))
    }
}

/// A batch of one key and the conditions on it, which come down to one.
struct OneKey {
    key: Key,
    name: String,
    when: Option<When>,
}

impl OneKey {
    fn of(core: &Core, key: Key, writes: &[Write], conditions: &[Condition]) -> Result<Self> {
        let held = core.held.conditions;
        if held < Conditions::SinglePut {
            let message = format!("{} does not hold conditions", core.place());
            return Err(Error::unsupported(message));
        }
        let written = writes.iter().map(|write| &write.key);
        let mut keys = conditions.iter().map(Condition::key).chain(written);
        if keys.any(|other| *other != key) {
            let message = "object storage holds conditions on one key, the one that is written";
            return Err(Error::unsupported(message));
        }
        let name =
            core.names.name(&key).map_err(|error| error.with_outcome(Outcome::NotApplied))?;
        let mut whens = conditions.iter().map(|condition| match condition {
            Condition::Absent(_) => Some(When::Absent),
            Condition::Unchanged(_, version) => {
                tag::of_version(version).map(|tag| When::Tagged(core.held.tags.apply(tag)))
            }
        });
        let first = whens.next().flatten();
        // No object is in two states at once.
        let when = first.filter(|first| whens.all(|when| when.as_ref() == Some(first)));
        let deletes = matches!(writes, [Write { value: None, .. }]);
        if deletes && matches!(when, Some(When::Tagged(_))) && held < Conditions::SingleKey {
            let message = format!("{} does not hold conditions on deletes", core.place());
            return Err(Error::unsupported(message));
        }
        Ok(Self { key, name, when })
    }

    async fn apply(self, core: &Core, write: Option<Write>) -> Result<()> {
        let Self { key, name, when } = self;
        let Some(when) = when else { return Err(Error::conflict(&key)) };
        let failed = |given_up: GivenUp| {
            if is_condition(&given_up.failure, &when) {
                return Error::conflict(&key).with_outcome(given_up.outcome);
            }
            given_up.into_write_error("writing", core.place()).with_key(key.clone())
        };
        match (write.map(|write| write.value), &when) {
            (Some(Some(value)), _) => {
                core.remote.put_if(&name, value, &when).await.map(drop).map_err(failed)
            }
            (Some(None), When::Tagged(tag)) => {
                core.remote.delete_if(&name, tag).await.map_err(failed)
            }
            // Nothing is to be written: it is enough to look.
            (Some(None) | None, _) => {
                let tag = core.remote.head(&name).await.map_err(failed)?.map(|head| head.tag);
                let holds = match (&when, tag) {
                    (When::Absent, None) => true,
                    (When::Tagged(wanted), Some(Some(tag))) => {
                        core.held.tags.apply(&tag) == *wanted
                    }
                    _ => false,
                };
                if holds { Ok(()) } else { Err(Error::conflict(&key)) }
            }
        }
    }
}
