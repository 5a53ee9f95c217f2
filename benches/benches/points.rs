//! Reads of one key: raw fjall, and the stores without and with four wrappers.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

mod explore;

use criterion::{Criterion, criterion_group, criterion_main};
use datastore_benches::Work;

fn points(criterion: &mut Criterion) {
    explore::explore(criterion, &Work::POINTS);
}

criterion_group!(benches, points);
criterion_main!(benches);
