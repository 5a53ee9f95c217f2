use std::io::{self, Read};

use datastore::{Error, ErrorKind, MANY_BYTES, MANY_OPS};

use super::decoder::{CarBlock, CarDecoder, CarEvent};
use super::error::CarError;
use super::header::CarHeader;
use super::identity::CarIdentity;
use super::options::CarOptions;
use crate::{Block, IDENTITY, Policy};

/// Makes batches of verified blocks of the bytes of a CAR file.
pub(super) struct Batcher {
    policy: Policy,
    decoder: CarDecoder,
    batch: Batch,
    end: Option<Result<(), Failure>>,
}

/// Verified blocks for one commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// With the first batch.
    pub(super) header: Option<CarHeader>,
    pub(super) blocks: Vec<Block>,
    pub(super) bytes: usize,
    /// How many blocks were read, those of identity CIDs too.
    pub(super) sections: u64,
    pub(super) identity: u64,
    /// Where the last of them ends in the file.
    pub(super) end: u64,
}

/// Most blocks of a batch: many, since in the order of their keys those of one batch lie close together in
/// the engine, which finds the place of each the sooner.
pub(super) const BATCH_BLOCKS: usize = 8 * MANY_OPS;

/// What goes from the side that reads to the side that commits.
#[derive(Debug)]
pub(super) enum Message {
    Batch(Batch),
    /// The last one.
    End(Result<(), Failure>),
}

/// Why nothing more comes.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) offset: Option<u64>,
    pub(super) cause: Error,
}

impl Batcher {
    pub(super) fn new(policy: Policy, options: CarOptions) -> Self {
        let decoder = CarDecoder::with_options(options.max_block_len(policy.largest_block()));
        Self { policy, decoder, batch: Batch::default(), end: None }
    }

    /// Takes from the front of `input` what the next message needs; `None` if it needs more. What was
    /// verified before a fault goes out before the fault.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Message> {
        if self.end.is_none() {
            self.decode(input);
        }
        let last = self.end.is_some() && !self.batch.is_empty();
        if last || self.batch.is_full() {
            return Some(Message::Batch(std::mem::take(&mut self.batch)));
        }
        self.end.take().map(Message::End)
    }

    /// As [`CarDecoder::read_missing`]; whatever ends the source is what the next message says.
    pub(super) fn read_missing(&mut self, source: &mut impl Read, most: usize) -> bool {
        match self.decoder.read_missing(source, most) {
            None => return false,
            Some(Ok(true)) => {}
            Some(Ok(false)) => self.finish(),
            Some(Err(error)) => self.fail(error),
        }
        true
    }

    /// Says that the source has no more bytes.
    pub(super) fn finish(&mut self) {
        self.end = Some(self.decoder.finish().map_err(Failure::from));
    }

    /// Says that the source broke.
    pub(super) fn fail(&mut self, error: io::Error) {
        let message = format!("the CAR file cannot be read at byte {}", self.decoder.position());
        let cause = Error::new(ErrorKind::Unavailable, message).with_source(error);
        self.end = Some(Err(Failure { offset: None, cause }));
    }

    fn decode(&mut self, input: &mut &[u8]) {
        while !self.batch.is_full() {
            let taken = match self.decoder.decode(input) {
                Ok(None) => {
                    self.end = self.decoder.is_done().then_some(Ok(()));
                    return;
                }
                Ok(Some(CarEvent::Header(header))) => {
                    self.batch.header = Some(header);
                    self.batch.end = self.decoder.position();
                    Ok(())
                }
                Ok(Some(CarEvent::Block(found))) => self.take(found),
                Ok(Some(CarEvent::Identity(found))) => self.take_identity(&found),
                Err(error) => Err(error.into()),
            };
            if let Err(failure) = taken {
                self.end = Some(Err(failure));
                return;
            }
        }
    }

    fn take(&mut self, found: CarBlock) -> Result<(), Failure> {
        let CarBlock { block, offset, data_offset: _ } = found;
        let refused = |cause| Failure { offset: Some(offset), cause };
        self.policy.admit(&block).map_err(refused)?;
        let batch = self.count_section();
        if block.cid().hash().code() == IDENTITY {
            batch.identity += 1;
        } else {
            batch.bytes += block.data().len();
            batch.blocks.push(block);
        }
        Ok(())
    }

    fn take_identity(&mut self, found: &CarIdentity) -> Result<(), Failure> {
        let refused = |cause| Failure { offset: Some(found.offset), cause };
        self.policy.admit_identity(found).map_err(refused)?;
        self.count_section().identity += 1;
        Ok(())
    }

    fn count_section(&mut self) -> &mut Batch {
        self.batch.sections += 1;
        self.batch.end = self.decoder.position();
        &mut self.batch
    }
}

impl Batch {
    pub(super) fn is_first(&self) -> bool {
        self.header.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.blocks.len() >= BATCH_BLOCKS || self.bytes >= MANY_BYTES
    }

    fn is_empty(&self) -> bool {
        self.header.is_none() && self.sections == 0
    }
}

impl Failure {
    /// Not of the file, but of where its blocks go.
    pub(super) fn of_store(cause: Error) -> Self {
        Self { offset: None, cause }
    }

    /// The side that reads is gone and did not say why.
    pub(super) fn lost() -> Self {
        let message = "the source of the CAR file panicked";
        Self { offset: None, cause: Error::new(ErrorKind::Internal, message) }
    }
}

impl From<CarError> for Failure {
    fn from(error: CarError) -> Self {
        Self { offset: Some(error.offset()), cause: error.into() }
    }
}
