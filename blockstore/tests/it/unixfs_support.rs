//! Stores, contents and hand-written nodes for the tests of files and DAGs.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use cid::CidGeneric;
use datastore::{MemoryDatastore, Result};
use datastore_blocks::{AddOptions, Added, Block, Blockstore, Cid, DAG_PB};
use futures::{Stream, TryStreamExt, stream};
use sha2::{Digest, Sha256};

pub(crate) async fn empty() -> Blockstore {
    Blockstore::open(Arc::new(MemoryDatastore::new())).await.unwrap()
}

/// SHA2-256 of the seed and a counter, again and again, cut at `len`; zeros without a seed.
pub(crate) fn content(seed: Option<&str>, len: usize) -> Vec<u8> {
    let Some(seed) = seed else { return vec![0; len] };
    let mut content = Vec::with_capacity(len + 32);
    for counter in 0_u64.. {
        if content.len() >= len {
            break;
        }
        let mut hasher = Sha256::new();
        hasher.update(seed.as_bytes());
        hasher.update(counter.to_be_bytes());
        content.extend_from_slice(&hasher.finalize());
    }
    content.truncate(len);
    content
}

/// A file that arrives in parts of `len` bytes.
pub(crate) fn in_parts(
    content: &[u8],
    len: usize,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let parts: Vec<_> = content.chunks(len).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    stream::iter(parts)
}

pub(crate) async fn add(blocks: &Blockstore, content: &[u8], options: &AddOptions) -> Added {
    blocks.add_file(in_parts(content, 100_003), options.clone()).await.unwrap()
}

pub(crate) async fn read(blocks: &Blockstore, cid: &Cid) -> Result<Vec<u8>> {
    let parts: Vec<Bytes> = blocks.read_file(cid).try_collect().await?;
    Ok(parts.concat())
}

pub(crate) async fn read_range(
    blocks: &Blockstore,
    cid: &Cid,
    offset: u64,
    len: u64,
) -> Result<Vec<u8>> {
    let parts: Vec<Bytes> = blocks.read_file_range(cid, offset, len).try_collect().await?;
    Ok(parts.concat())
}

/// The bytes of a field of protocol buffers that holds bytes, written by hand.
pub(crate) fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(uvarint(bytes.len() as u64));
    out.extend_from_slice(bytes);
    out
}

/// The bytes of a field of protocol buffers that holds a number, written by hand.
pub(crate) fn number_field(number: u8, value: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    out.extend(uvarint(value));
    out
}

fn uvarint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value % 128) as u8;
        value /= 128;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte + 128);
    }
}

/// A link of a dag-pb node, with its field.
pub(crate) fn link<const S: usize>(cid: &CidGeneric<S>) -> Vec<u8> {
    let parts = [bytes_field(1, &cid.to_bytes()), bytes_field(2, b""), number_field(3, 7)];
    bytes_field(2, &parts.concat())
}

/// The message of UnixFS for a file.
pub(crate) fn file_message(data: &[u8], file_size: Option<u64>, sizes: &[u64]) -> Vec<u8> {
    let mut message = number_field(1, 2);
    if !data.is_empty() {
        message.extend(bytes_field(2, data));
    }
    message.extend(file_size.into_iter().flat_map(|size| number_field(3, size)));
    message.extend(sizes.iter().flat_map(|size| number_field(4, *size)));
    message
}

/// A node of a file: data, and links with their sizes.
pub(crate) fn file_node(data: &[u8], links: &[(Cid, u64)]) -> Block {
    let sizes: Vec<u64> = links.iter().map(|(_, size)| *size).collect();
    let size = sizes.iter().fold(data.len() as u64, |sum, size| sum.wrapping_add(*size));
    lying_node(data, Some(size), links)
}

/// As [`file_node`], with any size said of the whole.
pub(crate) fn lying_node(data: &[u8], file_size: Option<u64>, links: &[(Cid, u64)]) -> Block {
    let sizes: Vec<u64> = links.iter().map(|(_, size)| *size).collect();
    let mut node: Vec<u8> = links.iter().flat_map(|(cid, _)| link(cid)).collect();
    node.extend(bytes_field(1, &file_message(data, file_size, &sizes)));
    Block::new(DAG_PB, node)
}
