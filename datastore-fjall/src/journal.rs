//! A look through the journals that a crash left, before the engine replays them.
//!
//! The engine takes the first record whose tag it does not know for the end of a journal, and cuts the file
//! there: right for the zeros that it allocated ahead and for a record that a crash cut short, but a
//! damaged tag in the middle silently takes all that follows with it. A cut-short record has nothing
//! behind it; so a journal that has the end of a batch after the first bad record is damaged, and
//! opening answers `Corrupt`.
//!
//! What a record holds is anybody's bytes, the end of a batch included. So where the last record is one
//! item whose header is sound and which claims all that follows, it was cut short, whatever its bytes look
//! like. The price: a damaged length of a key that makes the item claim all the rest of a journal, at most
//! some 64 KiB, is taken for that.
//!
//! One exception to damage: a power loss may keep later pages of what was not yet synced and lose earlier ones,
//! which then read as zeros. Where the unreadable part of the last journal has such a page nothing in it
//! was ever synced (a sync writes all pages), and the journal is cut before it, as after any torn write. The
//! price: damage to a batch with a page of zeros inside an uncompressed value is taken for that.
//!
//! Journals are `N.jnl`, a sequence of batches: `1`, item count (u32), sequence number (u64); the items;
//! `3`, XXH3-64 of the items, `FJL` and the byte 3. Sequence numbers grow. An item is `2`, type (u8), compression (u8),
//! keyspace (u64), length of the key (u16), of the value (u32), of the value as stored (u32), key, value
//! as stored; or `4`, keyspace (u64). Integers are little-endian.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use datastore::{Error, ErrorKind, Result};
use xxhash_rust::xxh3::xxh3_64;

use crate::errors;

/// Looks through the journals in the engine's folder, and cuts the last one where a power loss tore it.
pub(crate) fn inspect(engine: &Path) -> Result<()> {
    let journals = journals(engine)?;
    let mut sequence = None;
    for (index, path) in journals.iter().enumerate() {
        let is_last = index + 1 == journals.len();
        let bytes = fs::read(path).map_err(|error| errors::io(path, error))?;
        match judge(&bytes, &mut sequence, is_last) {
            Verdict::Good => {}
            Verdict::Torn { at } => {
                tracing::warn!(journal = %path.display(), at, "a power loss tore the journal: cut there");
                cut(path, at).map_err(|error| errors::io(path, error))?;
            }
            Verdict::Damaged { at } => {
                let message = format!(
                    "{} is damaged at byte {at}, and what follows cannot be replayed without it; to give \
                     that up, truncate the file to {at} bytes",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
        }
    }
    Ok(())
}

/// Empties the journal, if there is one alone.
pub(crate) fn empty(engine: &Path) -> Result<()> {
    match journals(engine)?.as_slice() {
        [journal] => cut(journal, 0).map_err(|error| errors::io(journal, error)),
        _ => Ok(()),
    }
}

/// Has the disk take what was written to the last journal, through a handle of its own: the engine uses its own
/// meanwhile.
///
/// After an error nobody may be told that anything is durable: a system may say only once what the disk lost.
pub(crate) fn write_back(engine: &Path) -> io::Result<()> {
    let newest = journals(engine).ok().and_then(|mut journals| journals.pop());
    // One that cannot be opened was let go of meanwhile, with all of it in tables; or the next sync says why.
    let journal = newest.and_then(|path| File::options().write(true).open(path).ok());
    journal.map_or(Ok(()), |journal| journal.sync_data())
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Batches, and then at most one that was cut short.
    Good,
    /// Pages of what was not synced are lost.
    Torn { at: u64 },
    /// Something intact follows something that is not.
    Damaged { at: u64 },
}

/// Judges a journal, given the sequence number before its first.
fn judge(bytes: &[u8], sequence: &mut Option<u64>, may_be_torn: bool) -> Verdict {
    let mut at = 0;
    let mut claimed = 0;
    while let Some(rest) = bytes.get(at..) {
        let batch = match first_batch(rest) {
            Ok(batch) => batch,
            Err(broken) => {
                claimed = broken.claimed;
                break;
            }
        };
        // The number is outside the checksum, and decides what is replayed.
        if !sequence.is_none_or(|before| (1..=GAP).contains(&batch.number.wrapping_sub(before))) {
            break;
        }
        *sequence = Some(batch.number);
        at += batch.length;
    }
    let rest = without_zeros(bytes.get(at..).unwrap_or_default());
    if rest.len() <= claimed {
        return Verdict::Good;
    }
    let Some(end) = last_end(rest) else { return Verdict::Good };
    let torn = may_be_torn && has_lost_page(bytes, at, at + end);
    let at = at as u64;
    if torn { Verdict::Torn { at } } else { Verdict::Damaged { at } }
}

struct BatchSeen {
    number: u64,
    length: usize,
}

/// A record that is no intact batch.
#[derive(Default)]
struct Broken {
    /// How many bytes it would have at least, had all of it been written.
    claimed: usize,
}

/// The batch at the start of `bytes`, if there is an intact one.
fn first_batch(bytes: &[u8]) -> Result<BatchSeen, Broken> {
    let mut parts = Parts { bytes, at: 0 };
    let mut claimed = 0;
    walk_batch(&mut parts, &mut claimed).ok_or(Broken { claimed })
}

/// Walks the batch to its end, if it is intact; `claimed` is how far it must go otherwise.
fn walk_batch(parts: &mut Parts<'_>, claimed: &mut usize) -> Option<BatchSeen> {
    if parts.byte()? != START {
        return None;
    }
    let count = parts.u32()?;
    let number = u64::from_le_bytes(parts.array()?);
    let items = parts.at;
    for _ in 0..count {
        match parts.byte()? {
            ITEM => walk_item(parts, claimed)?,
            CLEAR => parts.skip(size_of::<u64>())?,
            _ => return None,
        }
    }
    let checksum = xxh3_64(parts.bytes.get(items..parts.at)?);
    if parts.byte()? != END {
        return None;
    }
    // All but the last byte of the end: with that one it would be whole.
    *claimed = parts.at + size_of::<u64>() + TRAILER.len() - 1;
    let intact = parts.array()? == checksum.to_le_bytes() && parts.array()? == TRAILER;
    intact.then_some(BatchSeen { number, length: parts.at })
}

fn walk_item(parts: &mut Parts<'_>, claimed: &mut usize) -> Option<()> {
    parts.byte()?;
    let compressed = parts.byte()? != 0;
    parts.skip(size_of::<u64>())?;
    let key = usize::from(parts.u16()?);
    let value = parts.u32()?;
    let stored = parts.u32()?;
    // LZ4 makes what it cannot compress a little longer.
    let longest =
        if compressed { u64::from(value) + u64::from(value) / 255 + 16 } else { value.into() };
    let sound = (compressed || stored == value) && u64::from(stored) <= longest;
    // The first byte of a key, if that much was written.
    let first = parts.bytes.get(parts.at).copied().unwrap_or_default();
    let length = key.checked_add(usize::try_from(stored).ok()?)?;
    if sound && matches!(first, b'/' | 0) {
        *claimed = parts.at.checked_add(length)?;
    }
    parts.skip(length)
}

/// The bytes without the zeros at their end: most of a journal, and so not looked at one by one.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let mut end = bytes.len();
    for chunk in bytes.rchunks(PAGE) {
        if ZEROS.get(..chunk.len()) != Some(chunk) {
            end -= chunk.iter().rev().take_while(|byte| **byte == 0).count();
            break;
        }
        end -= chunk.len();
    }
    bytes.get(..end).unwrap_or_default()
}

/// Where the last end of a batch in `bytes` is: an end marker, before another batch, zeros, or nothing.
fn last_end(bytes: &[u8]) -> Option<usize> {
    let (marker, before_trailer) = (1 + size_of::<u64>(), bytes.len().checked_sub(TRAILER.len())?);
    (marker..=before_trailer).rev().find_map(|at| {
        let end = at + TRAILER.len();
        let is_end = bytes.get(at..end) == Some(&TRAILER)
            && bytes.get(at - marker) == Some(&END)
            && matches!(bytes.get(end), None | Some(0) | Some(&START));
        is_end.then_some(end)
    })
}

/// Whether a whole page between two places of the file is zeros.
fn has_lost_page(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut pages = (from.next_multiple_of(PAGE)..to).step_by(PAGE);
    pages.any(|at| at + PAGE <= to && bytes.get(at..at + PAGE) == Some(&ZEROS))
}

fn cut(path: &Path, at: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(at)?;
    file.sync_all()
}

/// The journals, oldest first.
fn journals(engine: &Path) -> Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(engine).map_err(|error| errors::io(engine, error))? {
        let path = entry.map_err(|error| errors::io(engine, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(number) = name.strip_suffix(".jnl") else { continue };
        // The engine panics over journals that it would not have named so.
        let number = number.parse::<u64>().map_err(|error| {
            let message = format!("{} is not a journal of the engine", path.display());
            Error::new(ErrorKind::Corrupt, message).with_source(error)
        })?;
        journals.push((number, path));
    }
    journals.sort();
    if journals.is_empty() {
        let message = format!("{} has no journal", engine.display());
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// A walk over bytes that ends at their end.
struct Parts<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Parts<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        let end = self.at.checked_add(count)?;
        self.at = (end <= self.bytes.len()).then_some(end)?;
        Some(())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let array = self.bytes.get(self.at..)?.first_chunk().copied()?;
        self.at += N;
        Some(array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: [u8; 4] = *b"FJL\x03";

/// Most numbers between two batches: each is one more, but for the few that the engine takes for itself.
const GAP: u64 = 1 << 32;

/// What the page cache writes at once, on most machines; a larger page has several of these.
const PAGE: usize = 4096;
const ZEROS: [u8; PAGE] = [0; PAGE];

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64, value: &[u8]) -> Vec<u8> {
        let mut item = vec![ITEM, 0, 0];
        item.extend(1_u64.to_le_bytes());
        item.extend(2_u16.to_le_bytes());
        item.extend((value.len() as u32).to_le_bytes());
        item.extend((value.len() as u32).to_le_bytes());
        item.extend(b"/k");
        item.extend(value);
        let mut batch = vec![START];
        batch.extend(1_u32.to_le_bytes());
        batch.extend(number.to_le_bytes());
        batch.extend(&item);
        batch.push(END);
        batch.extend(xxh3_64(&item).to_le_bytes());
        batch.extend(TRAILER);
        batch
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        judge(bytes, &mut None, true)
    }

    #[test]
    fn intact_batches_before_zeros_or_the_end_are_good() {
        let batches = [batch(1, b"1"), batch(2, b"22"), batch(9, &[9; 5000])].concat();
        assert_eq!(verdict(&batches), Verdict::Good);
        assert_eq!(verdict(&[&batches[..], &[0; 9000]].concat()), Verdict::Good);
        assert_eq!(verdict(&[]), Verdict::Good);
    }

    #[test]
    fn a_batch_that_was_cut_short_anywhere_is_good() {
        let (first, last) = (batch(1, b"1"), batch(2, b"second"));
        for kept in 0..last.len() {
            let cut = [&first, &last[..kept]].concat();
            assert_eq!(verdict(&cut), Verdict::Good, "{kept}");
            assert_eq!(verdict(&[&cut[..], &[0; 64]].concat()), Verdict::Good, "{kept}");
        }
    }

    #[test]
    fn any_flipped_byte_before_the_last_end_is_damage() {
        let batches = [batch(7, b"1"), batch(8, b"second"), batch(9, b"third")].concat();
        let last_end = batches.len() - TRAILER.len() - 9;
        // A larger number of the last batch looks like one: it changes nothing. A longer key may claim
        // all the rest, as a record that was cut short does.
        let last_number = batches.len() - batch(9, b"third").len() + 5;
        let key_lengths = [b"1".as_slice(), b"second", b"third"].map(|value| batch(0, value).len());
        let key_lengths: Vec<_> = (0..3)
            .map(|index| key_lengths[..index].iter().sum::<usize>() + 24)
            .flat_map(|at| [at, at + 1])
            .collect();
        let exempt =
            |at: &usize| (last_number..last_number + 8).contains(at) || key_lengths.contains(at);
        for at in (0..last_end).filter(|at| !exempt(at)) {
            let mut flipped = batches.clone();
            flipped[at] ^= 0x55;
            assert!(matches!(verdict(&flipped), Verdict::Damaged { .. }), "{at}");
        }
    }

    #[test]
    fn a_batch_that_was_cut_short_is_good_whatever_its_value_looks_like() {
        let (first, inner) = (batch(1, b"1"), batch(2, b"inner"));
        let value = [&inner[..], &[9; 40], &inner].concat();
        let last = batch(2, &value);
        for kept in 0..last.len() {
            let cut = [&first, &last[..kept], &[0; 64]].concat();
            assert_eq!(verdict(&cut), Verdict::Good, "{kept}");
        }
    }

    #[test]
    fn a_key_length_that_claims_less_than_the_rest_is_damage() {
        let mut batches = [batch(1, b"1"), batch(2, &[9; 70_000]), batch(3, b"3")].concat();
        batches[24] ^= 0x55;
        assert_eq!(verdict(&batches), Verdict::Damaged { at: 0 });
    }

    #[test]
    fn the_numbers_go_on_from_one_journal_to_the_next() {
        let mut sequence = None;
        assert_eq!(judge(&batch(5, b"1"), &mut sequence, false), Verdict::Good);
        assert_eq!(judge(&batch(6, b"1"), &mut sequence, false), Verdict::Good);
        assert_eq!(judge(&batch(6, b"1"), &mut sequence, true), Verdict::Damaged { at: 0 });
    }

    #[test]
    fn a_lost_page_tears_the_last_journal_and_damages_the_others() {
        let batches = [batch(1, &[9; 10]), batch(2, &[9; 20_000]), batch(3, b"third")].concat();
        let mut torn = batches.clone();
        torn[PAGE..2 * PAGE].fill(0);
        let at = batch(1, &[9; 10]).len() as u64;
        assert_eq!(verdict(&torn), Verdict::Torn { at });
        assert_eq!(judge(&torn, &mut None, false), Verdict::Damaged { at });
    }
}
