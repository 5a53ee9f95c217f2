//! Entries as text, in the two formats that `export` writes and `import` reads.

mod detect;
mod dump;
mod jsonl;
mod key;
mod object;
mod reader;

use std::io::{self, Write};

use bytes::Bytes;
use clap::ValueEnum;
use datastore::Key;

pub(crate) use dump::Frame;
pub(crate) use key::{AnyKey, RowKey};
pub(crate) use reader::read;

use crate::failure::{Failure, Result};

/// How entries are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object a line: the key in its text form, the value in base64
    Jsonl,
    /// One JSON document with an array of keys and values in hex, as go and js peer stores are dumped
    Dump,
}

/// An entry that was read from an input.
pub(crate) struct Row<K = Key> {
    pub(crate) key: K,
    pub(crate) value: Bytes,
}

/// Writes entries in a format.
pub(crate) enum Writer<W> {
    Jsonl(W),
    Dump(dump::Writer<W>),
}

impl<W: Write> Writer<W> {
    pub(crate) fn jsonl(to: W) -> Self {
        Self::Jsonl(to)
    }

    pub(crate) fn dump(to: W, frame: Frame) -> io::Result<Self> {
        Ok(Self::Dump(dump::Writer::begin(to, frame)?))
    }

    pub(crate) fn write(&mut self, key: &Key, value: &[u8], failed: Failed) -> Result<()> {
        match self {
            Self::Jsonl(to) => jsonl::write(to, key, value).map_err(failed),
            Self::Dump(dump) => dump.write(key, value, failed),
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Jsonl(mut to) => {
                to.flush()?;
                Ok(to)
            }
            Self::Dump(dump) => dump.finish(),
        }
    }
}

/// What the failure to write becomes.
pub(crate) type Failed = fn(io::Error) -> Failure;
