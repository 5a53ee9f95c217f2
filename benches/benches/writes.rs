//! Writes: raw fjall, and the stores without and with four wrappers.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

mod explore;

use criterion::{Criterion, criterion_group, criterion_main};
use datastore_benches::Work;

fn writes(criterion: &mut Criterion) {
    explore::explore(criterion, &Work::WRITES);
}

criterion_group!(benches, writes);
criterion_main!(benches);
