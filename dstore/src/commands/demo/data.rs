//! Made-up records of a node.

use bytes::Bytes;
use datastore::{Key, key};

use super::records::BLOCK_SIZE;

pub(super) fn record(number: u64) -> datastore::Result<Key> {
    key!("/providers").child_encoded(bytes_of(number, 20))
}

pub(super) fn addresses(number: u64) -> Bytes {
    let [a, b, c, ..] = number.wrapping_mul(SPREAD).to_be_bytes();
    format!("/ip4/10.{a}.{b}.{c}/tcp/4001,/ip4/10.{a}.{b}.{c}/udp/4001/quic-v1").into()
}

pub(super) fn block(number: u64) -> datastore::Result<Key> {
    key!("/blocks").child_encoded(bytes_of(number | 1 << 40, 32))
}

pub(super) fn contents(number: u64) -> Bytes {
    bytes_of(number | 1 << 41, BLOCK_SIZE).into()
}

/// Bytes that look random and are the same in each run.
fn bytes_of(number: u64, len: usize) -> Vec<u8> {
    let mut state = (number + 1).wrapping_mul(SPREAD);
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

/// Odd, and near the golden ratio of the range: multiplied with it, neighbours come to lie far apart.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
