use std::io::{self, Read};

use bytes::Bytes;

use super::error::{CarError, CarFault};
use super::header::{self, CarHeader, CarV2Layout, First, PRAGMA, V2_LEN};
use super::identity::{CarIdentity, SectionCid};
use super::options::CarOptions;
use super::varint::Uvarint;
use crate::Block;

/// Takes a CAR file apart, version 1 or 2, as its bytes arrive: bytes in, a header and blocks out, no I/O
/// of its own.
///
/// It holds one section at most, and none that is longer than [`CarOptions`] allow: that is refused by its
/// declared length, before anything is kept of it. The data of a block is copied once, into memory of its
/// own, so that no small block keeps a large buffer.
///
/// Of a CARv2 it reads the data and ignores the index and all padding. Blocks are not verified: see
/// [`Block::verify`] and [`CarIdentity::verify`].
///
/// # Examples
/// ```
/// use datastore_blocks::{CarDecoder, CarEvent};
///
/// # let file = *b"\x11\xa2\x65roots\x80\x67version\x01\
/// #     \x29\x01\x55\x12\x20\x2c\xf2\x4d\xba\x5f\xb0\xa3\x0e\x26\xe8\x3b\x2a\xc5\xb9\xe2\x9e\x1b\
/// #     \x16\x1e\x5c\x1f\xa7\x42\x5e\x73\x04\x33\x62\x93\x8b\x98\x24hello";
/// let mut decoder = CarDecoder::new();
/// for mut bytes in file.chunks(10) {
///     while let Some(event) = decoder.decode(&mut bytes)? {
///         match event {
///             CarEvent::Header(header) => println!("roots: {:?}", header.roots),
///             CarEvent::Block(found) => {
///                 found.block.verify()?;
///                 println!("{} at byte {}", found.block.cid(), found.offset);
/// #               assert_eq!((found.offset, found.data_offset), (18, 55));
///             }
///             _ => {}
///         }
///     }
/// }
/// decoder.finish()?;
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Debug)]
pub struct CarDecoder {
    options: CarOptions,
    /// How many bytes were taken: the offset of the next.
    at: u64,
    state: State,
    v2: Option<CarV2Layout>,
}

/// What a [`CarDecoder`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CarEvent {
    /// The header: once, before all blocks.
    Header(CarHeader),
    /// A block, in the order of the file.
    Block(CarBlock),
    /// A block of an identity CID that no [`Cid`](crate::Cid) has room for, in the order of the file.
    Identity(CarIdentity),
}

/// A block of a CAR file, and where it lies. It is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarBlock {
    /// The block.
    pub block: Block,
    /// Where its section begins, with its length, in bytes from the start of the file.
    pub offset: u64,
    /// Where its data begins, in bytes from the start of the file.
    pub data_offset: u64,
}

#[derive(Debug)]
enum State {
    /// In the length of what is next, which begins at `start`.
    Length {
        next: Frame,
        start: u64,
        len: Uvarint,
    },
    /// In what has `len` bytes; those that came are in `buf`.
    Frame {
        next: Frame,
        start: u64,
        len: usize,
        buf: Vec<u8>,
    },
    /// In the fixed header of a CARv2.
    Layout {
        buf: Vec<u8>,
    },
    /// On the way to the data of a CARv2.
    Skip {
        to: u64,
    },
    /// In zero bytes after the last section.
    Padding {
        start: u64,
    },
    /// After all that matters.
    Done,
    Failed(CarError),
}

/// What has a length before it.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// The header of a CARv1, or a pragma.
    First,
    /// The header of the data of a CARv2.
    Inner,
    Section,
}

impl CarDecoder {
    /// A decoder for a file from its start, as [`CarOptions::new`] says.
    pub fn new() -> Self {
        Self::with_options(CarOptions::new())
    }

    /// A decoder for a file from its start.
    pub fn with_options(options: CarOptions) -> Self {
        let state = State::length(Frame::First, 0);
        Self { options, at: 0, state, v2: None }
    }

    /// Takes bytes from the front of `input` up to the end of the next header or block and answers it;
    /// `None` if all were taken and more are needed, or nothing that matters can follow.
    ///
    /// # Errors
    /// What is wrong with the file, and the same from then on.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<CarEvent>, CarError> {
        self.step(input).map_err(|error| self.fail(error))
    }

    /// Says that the file ends here. `Ok` is a clean end: one between two sections, or after the data of
    /// a CARv2.
    ///
    /// # Errors
    /// [`CarFault::Truncated`]; what [`decode`](Self::decode) failed with.
    pub fn finish(&mut self) -> Result<(), CarError> {
        self.end_of_data(false).map_err(|error| self.fail(error))
    }

    /// Whether nothing that matters can follow: all data of a CARv2 was read.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// How many bytes of the file were taken.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Reads what is missing of a long section from `source` straight to where it belongs: `most` bytes at
    /// most, and all but the last, with which [`decode`](Self::decode) ends the section. Answers whether the
    /// source had that many; `None`, and nothing was read, if no such section is under way.
    pub(super) fn read_missing(
        &mut self,
        source: &mut impl Read,
        most: usize,
    ) -> Option<io::Result<bool>> {
        let State::Frame { next: Frame::Section, start: _, len, buf } = &mut self.state else {
            return None;
        };
        let wanted = (*len - buf.len()).saturating_sub(1).min(most);
        if wanted < LEAST_READ {
            return None;
        }
        set_aside(buf, *len);
        let before = buf.len();
        let read = source.take(wanted as u64).read_to_end(buf);
        self.at += (buf.len() - before) as u64;
        Some(read.map(|read| read == wanted))
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<CarEvent>, CarError> {
        loop {
            if self.v2.is_some_and(|v2| v2.data_end() == self.at) {
                self.end_of_data(true)?;
            }
            if input.is_empty() {
                return Ok(None);
            }
            match &mut self.state {
                State::Length { next, start, len } => {
                    let (next, start) = (*next, *start);
                    let Some(byte) = input.split_off_first() else { return Ok(None) };
                    self.at += 1;
                    let len =
                        len.push(*byte).map_err(|fault| CarError::new(start, fault.into()))?;
                    if let Some(len) = len {
                        self.state = self.frame(next, start, len)?;
                    }
                }
                State::Frame { next, start, len, buf } => {
                    let (next, start, len) = (*next, *start, *len);
                    // Whole in the input, it is not gathered first.
                    let whole = if buf.is_empty() { input.split_off(..len) } else { None };
                    let event = if let Some(whole) = whole {
                        self.at += whole.len() as u64;
                        self.framed(next, start, Gathered::Borrowed(whole))?
                    } else {
                        self.at += gather(buf, len, input);
                        if buf.len() < len {
                            return Ok(None);
                        }
                        let buf = std::mem::take(buf);
                        self.framed(next, start, Gathered::Owned(buf))?
                    };
                    if event.is_some() {
                        return Ok(event);
                    }
                }
                State::Layout { buf } => {
                    self.at += gather(buf, V2_LEN, input);
                    if let Ok(bytes) = <&[u8; V2_LEN]>::try_from(&buf[..]) {
                        let start = PRAGMA.len() as u64;
                        let v2 = CarV2Layout::decode(bytes)
                            .map_err(|fault| CarError::new(start, fault))?;
                        self.v2 = Some(v2);
                        self.state = State::Skip { to: v2.data_offset };
                    }
                }
                State::Skip { to } => {
                    let to = *to;
                    let skipped = (to - self.at).min(input.len() as u64);
                    self.at += skipped;
                    // At most the length of the input.
                    let _ = input.split_off(..skipped as usize);
                    if self.at == to {
                        self.state = State::length(Frame::Inner, to);
                    }
                }
                State::Padding { start } => {
                    let start = *start;
                    let left = self.v2.map_or(u64::MAX, |v2| v2.data_end() - self.at);
                    let len = left.min(input.len() as u64);
                    // At most the length of the input.
                    let zeros = input.split_off(..len as usize).unwrap_or_default();
                    if zeros.iter().any(|byte| *byte != 0) {
                        return Err(CarError::new(start, CarFault::Padding));
                    }
                    self.at += len;
                }
                State::Done => {
                    self.at += input.len() as u64;
                    *input = &[];
                }
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// What follows a length.
    fn frame(&self, next: Frame, start: u64, len: u64) -> Result<State, CarError> {
        let limit = match next {
            Frame::First | Frame::Inner => self.options.max_header_len,
            Frame::Section => self.options.max_block_len.saturating_add(MAX_CID_LEN),
        };
        let limit = limit as u64;
        let fault = match next {
            Frame::First | Frame::Inner if len == 0 => {
                CarFault::Header("the header has no bytes".into())
            }
            Frame::Section if len == 0 => {
                if self.options.null_padding {
                    return Ok(State::Padding { start });
                }
                CarFault::EmptySection
            }
            Frame::First | Frame::Inner if len > limit => CarFault::LongHeader { len, limit },
            Frame::Section if len > limit => CarFault::LongSection { len, limit },
            _ => match self.v2.map(|v2| v2.data_end()) {
                Some(end) if len > end - self.at => CarFault::Truncated { end },
                // At most a limit that is a `usize`.
                _ => return Ok(State::Frame { next, start, len: len as usize, buf: Vec::new() }),
            },
        };
        Err(CarError::new(start, fault))
    }

    /// Takes apart what had a length before it.
    fn framed(
        &mut self,
        what: Frame,
        start: u64,
        bytes: Gathered<'_>,
    ) -> Result<Option<CarEvent>, CarError> {
        let wrong = |fault| CarError::new(start, fault);
        let first = match what {
            Frame::Section => {
                let found = self.section(start, bytes).map_err(wrong)?;
                self.state = State::length(Frame::Section, self.at);
                return Ok(Some(found));
            }
            Frame::First | Frame::Inner => header::decode(bytes.as_slice()).map_err(wrong)?,
        };
        match (what, first) {
            (_, First::V1 { roots, long_roots }) => {
                self.state = State::length(Frame::Section, self.at);
                Ok(Some(CarEvent::Header(CarHeader { roots, long_roots, v2: self.v2 })))
            }
            // The fixed header lies behind exactly these bytes.
            (Frame::First, First::V2) if PRAGMA.ends_with(bytes.as_slice()) => {
                self.state = State::Layout { buf: Vec::new() };
                Ok(None)
            }
            (Frame::First, First::V2) => {
                Err(wrong(CarFault::Header("the pragma is not that of a CARv2".into())))
            }
            (_, First::V2) => Err(wrong(CarFault::Version(2))),
        }
    }

    fn section(&self, offset: u64, bytes: Gathered<'_>) -> Result<CarEvent, CarFault> {
        let whole = bytes.as_slice();
        let mut rest = whole;
        let cid = SectionCid::take(&mut rest)?;
        let (len, limit) = (rest.len(), self.options.max_block_len);
        let cid_len = whole.len() - len;
        if len > limit {
            let (len, limit) = (whole.len() as u64, (cid_len + limit) as u64);
            return Err(CarFault::LongSection { len, limit });
        }
        let data_offset = self.at - len as u64;
        let data = match bytes {
            Gathered::Borrowed(_) => Bytes::copy_from_slice(rest),
            Gathered::Owned(buf) => Bytes::from(buf).split_off(cid_len),
        };
        Ok(match cid {
            SectionCid::Usual(cid) => {
                let block = Block::unverified(cid, data);
                CarEvent::Block(CarBlock { block, offset, data_offset })
            }
            SectionCid::Identity(cid) => {
                CarEvent::Identity(CarIdentity { cid, data, offset, data_offset })
            }
        })
    }

    /// The file ends here, or the data of a CARv2 does.
    fn end_of_data(&mut self, of_v2: bool) -> Result<(), CarError> {
        let start = match &self.state {
            State::Length { next: Frame::Section, start: _, len } if len.is_empty() => {
                if !of_v2 && self.v2.is_some() {
                    self.at
                } else {
                    self.state = State::Done;
                    return Ok(());
                }
            }
            State::Padding { start } if !of_v2 && self.v2.is_some() => *start,
            State::Padding { .. } | State::Done => {
                self.state = State::Done;
                return Ok(());
            }
            State::Failed(error) => return Err(error.clone()),
            State::Length { start, .. } | State::Frame { start, .. } => *start,
            // The fixed header is, or says that there is more than there is.
            State::Layout { .. } | State::Skip { .. } => PRAGMA.len() as u64,
        };
        Err(CarError::new(start, CarFault::Truncated { end: self.at }))
    }

    fn fail(&mut self, error: CarError) -> CarError {
        self.state = State::Failed(error.clone());
        error
    }
}

impl Default for CarDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn length(next: Frame, start: u64) -> Self {
        Self::Length { next, start, len: Uvarint::default() }
    }
}

/// The longest CID that there can be: version, codec, hash function and length as varints, and the digest.
const MAX_CID_LEN: usize = 4 * 9 + crate::Policy::MAX_IDENTITY_LEN;

/// What is set aside for a frame before its bytes come; more than the blocks have that people write.
const SET_ASIDE: usize = 2 << 20;

/// Less than this is not worth a read of its own.
const LEAST_READ: usize = 16 << 10;

enum Gathered<'b> {
    Borrowed(&'b [u8]),
    Owned(Vec<u8>),
}

impl Gathered<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

fn set_aside(buf: &mut Vec<u8>, len: usize) {
    if buf.capacity() == 0 {
        buf.reserve_exact(len.min(SET_ASIDE));
    }
}

/// Moves bytes from the front of `input` to `buf` until that has `len`; answers how many.
fn gather(buf: &mut Vec<u8>, len: usize, input: &mut &[u8]) -> u64 {
    set_aside(buf, len);
    let missing = (len - buf.len()).min(input.len());
    let taken = input.split_off(..missing).unwrap_or_default();
    buf.extend_from_slice(taken);
    taken.len() as u64
}
