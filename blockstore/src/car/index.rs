//! The index of a CARv2: where the section of each multihash begins, in bytes from the start of the data.
//!
//! Records are a digest and the offset, 8 bytes little-endian, sorted by digest, those of one length together.
//! In format `0x0400`, `IndexSorted`, a run of them for each length; in `0x0401`, `MultihashIndexSorted`, such
//! runs for each hash function.

use std::collections::BTreeMap;

use bytes::Bytes;
use datastore::Result;
use futures::AsyncWrite;
use multihash::Multihash;

use super::error::{CarError, CarFault};
use super::header::u64_le;
use super::output::Output;
use super::varint::{self, Uvarint};
use crate::{IDENTITY, MAX_DIGEST_LEN};

/// The code of `IndexSorted`: digests without their hash functions.
const INDEX_SORTED: u64 = 0x0400;

/// The code of `MultihashIndexSorted`.
const MULTIHASH_INDEX_SORTED: u64 = 0x0401;

/// The size of an offset in a record.
const OFFSET_LEN: usize = 8;

/// The index of a CARv2, of either format.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use bytes::Bytes;
/// use datastore_blocks::{Block, CarIndex, CarV2Writer, RAW};
/// use futures::io::Cursor;
///
/// let block = Block::new(RAW, "hello world");
/// let mut file = Cursor::new(Vec::new());
/// let mut writer = CarV2Writer::new(&mut file, &[]).await?.with_index();
/// let offset = writer.write(&block).await?;
/// writer.finish().await?;
///
/// // 51 bytes of headers, 18 of the header of the data, 48 of the block.
/// let index_offset = 51 + 18 + 48;
/// let bytes = Bytes::from(file.into_inner()).slice(index_offset..);
/// let index = CarIndex::parse(bytes, index_offset as u64)?;
/// assert_eq!(index.offsets(block.cid().hash()).collect::<Vec<_>>(), [offset]);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct CarIndex {
    runs: Vec<Run>,
}

/// Sorted records of one length.
#[derive(Clone, Debug)]
struct Run {
    /// `None` in a format that does not keep it.
    code: Option<u64>,
    record_len: usize,
    records: Bytes,
}

impl CarIndex {
    /// Takes an index apart that has all of `bytes` and begins at byte `offset` of its file.
    ///
    /// # Errors
    /// [`CarFault::Header`] if it is of another format or not sorted, [`CarFault::Truncated`] if it is cut
    /// off, at the byte of the file where the part begins that is at fault.
    pub fn parse(bytes: Bytes, offset: u64) -> Result<Self, CarError> {
        let end = offset.saturating_add(bytes.len() as u64);
        let mut input = Input { bytes, end };
        let mut runs = Vec::new();
        match input.uvarint()? {
            INDEX_SORTED => input.runs(None, &mut runs)?,
            MULTIHASH_INDEX_SORTED => {
                for _ in 0..input.number(4)? {
                    let code = input.number(8)?;
                    input.runs(Some(code), &mut runs)?;
                }
            }
            other => {
                let what = format!("index format {other:#06x} is not supported here");
                return Err(CarError::new(offset, CarFault::Header(what)));
            }
        }
        if input.bytes.is_empty() { Ok(Self { runs }) } else { Err(input.wrong("more follows")) }
    }

    /// How many records it has: one for each section that it knows.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.records.len() / run.record_len).sum()
    }

    /// Whether it has no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where sections of `hash` begin, in bytes from the start of the data
    /// ([`CarV2Layout::data_offset`](crate::CarV2Layout)). Of an `IndexSorted` also those of other hash
    /// functions with the same digest. What lies there is not checked.
    pub fn offsets<'i>(
        &'i self,
        hash: &'i Multihash<MAX_DIGEST_LEN>,
    ) -> impl Iterator<Item = u64> + 'i {
        let (code, digest) = (hash.code(), hash.digest());
        let fits = move |run: &&Run| {
            run.code.is_none_or(|of| of == code) && run.record_len == digest.len() + OFFSET_LEN
        };
        self.runs.iter().filter(fits).flat_map(move |run| run.find(digest))
    }
}

impl Run {
    fn find<'r>(&'r self, digest: &'r [u8]) -> impl Iterator<Item = u64> + 'r {
        let (mut low, mut high) = (0, self.records.len() / self.record_len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.record(middle).is_some_and(|(found, _)| found < digest) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low..)
            .map_while(|at| self.record(at))
            .take_while(move |(found, _)| *found == digest)
            .map(|(_, offset)| u64_le(offset))
    }

    /// The digest and the offset.
    fn record(&self, at: usize) -> Option<(&[u8], &[u8])> {
        let record = self.records.chunks_exact(self.record_len).nth(at)?;
        record.split_at_checked(self.record_len - OFFSET_LEN)
    }

    fn is_sorted(&self) -> bool {
        let digests = self.records.chunks_exact(self.record_len);
        digests.map(|record| record.get(..self.record_len - OFFSET_LEN)).is_sorted()
    }
}

/// What is left of an index.
struct Input {
    bytes: Bytes,
    /// Where it ends in the file.
    end: u64,
}

impl Input {
    fn runs(&mut self, code: Option<u64>, into: &mut Vec<Run>) -> Result<(), CarError> {
        for _ in 0..self.number(4)? {
            let record_len = self.number(4)? as usize;
            if record_len < OFFSET_LEN {
                return Err(self.wrong("records are shorter than an offset"));
            }
            let len = self.number(8)?;
            let records = self.take(len)?;
            let run = Run { code, record_len, records };
            if !run.records.len().is_multiple_of(record_len) {
                return Err(self.wrong("the last record before this byte is not whole"));
            }
            if !run.is_sorted() {
                return Err(self.wrong("the records before this byte are not sorted"));
            }
            into.push(run);
        }
        Ok(())
    }

    fn uvarint(&mut self) -> Result<u64, CarError> {
        let mut number = Uvarint::default();
        loop {
            let byte = self.number(1)? as u8;
            let wrong = |fault: varint::NotUvarint| CarError::new(self.at(), fault.into());
            if let Some(number) = number.push(byte).map_err(wrong)? {
                return Ok(number);
            }
        }
    }

    /// A number of `len` bytes, little-endian.
    fn number(&mut self, len: u64) -> Result<u64, CarError> {
        Ok(u64_le(&self.take(len)?))
    }

    fn take(&mut self, len: u64) -> Result<Bytes, CarError> {
        if len > self.bytes.len() as u64 {
            return Err(CarError::new(self.at(), CarFault::Truncated { end: self.end }));
        }
        // At most the length of something in memory.
        Ok(self.bytes.split_to(len as usize))
    }

    fn at(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    fn wrong(&self, what: &str) -> CarError {
        CarError::new(self.at(), CarFault::Header(format!("the index is not one: {what}")))
    }
}

/// Gathers a `MultihashIndexSorted`.
#[derive(Debug, Default)]
pub(super) struct IndexWriter {
    /// Records as they will be, not sorted yet, by hash function and the length of a record.
    runs: BTreeMap<u64, BTreeMap<usize, Vec<u8>>>,
}

impl IndexWriter {
    pub(super) fn add(&mut self, hash: &Multihash<MAX_DIGEST_LEN>, offset: u64) {
        if hash.code() == IDENTITY {
            return;
        }
        let lengths = self.runs.entry(hash.code()).or_default();
        let run = lengths.entry(hash.digest().len() + OFFSET_LEN).or_default();
        run.extend_from_slice(hash.digest());
        run.extend_from_slice(&offset.to_le_bytes());
    }

    pub(super) async fn write<W>(self, output: &mut Output<W>) -> Result<()>
    where
        W: AsyncWrite + Unpin,
    {
        let mut head = Vec::new();
        varint::write(MULTIHASH_INDEX_SORTED, &mut head);
        head.extend_from_slice(&(self.runs.len() as u32).to_le_bytes());
        output.put(&head).await?;
        for (code, lengths) in self.runs {
            output.put(&code.to_le_bytes()).await?;
            output.put(&(lengths.len() as u32).to_le_bytes()).await?;
            for (record_len, records) in lengths {
                output.put(&(record_len as u32).to_le_bytes()).await?;
                output.put(&(records.len() as u64).to_le_bytes()).await?;
                let mut order: Vec<&[u8]> = records.chunks_exact(record_len).collect();
                // Records of one digest stay in the order of the file.
                order.sort_by_key(|record| record.get(..record_len - OFFSET_LEN));
                for record in order {
                    output.put(record).await?;
                }
            }
        }
        Ok(())
    }
}
