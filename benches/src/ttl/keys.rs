//! The keys and values of these stores.

use std::ops::Range;

use bytes::Bytes;
use datastore::{Batch, Key, key};

use crate::{Result, numbered_key};

/// Size of a value: a record of a peer.
const VALUE: usize = 100;

pub(super) fn value() -> Bytes {
    Bytes::from_static(&[7; VALUE])
}

/// The key with this number; keys that follow each other lie anywhere.
pub(super) fn numbered(number: usize) -> Result<Key> {
    Ok(key!("/peers").join(&numbered_key(number)?)?)
}

/// Puts of all these, in batches.
pub(super) fn batches(
    numbers: Range<usize>,
    size: usize,
) -> impl Iterator<Item = Result<Batch>> + use<> {
    let starts = numbers.clone().step_by(size);
    starts.map(move |start| {
        let mut numbers = start..numbers.end.min(start + size);
        numbers.try_fold(Batch::new(), |batch, number| Ok(batch.put(numbered(number)?, value())))
    })
}
