use crate::dag::wire::{self, Fields, Reason, Value};

/// The message of UnixFS that dag-pb nodes hold: of its fields, those of files.
///
/// Unknown fields, fields in any order and packed sizes are read, as protocol buffers have it; it is
/// written as go and js write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: Kind,
    pub(crate) data: &'a [u8],
    pub(crate) file_size: Option<u64>,
    /// How many bytes of the file are below each link.
    pub(crate) block_sizes: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    Directory,
    File,
    Metadata,
    Symlink,
    HamtShard,
}

impl Kind {
    fn of(number: u64) -> Result<Self, Reason> {
        Ok(match number {
            0 => Self::Raw,
            1 => Self::Directory,
            2 => Self::File,
            3 => Self::Metadata,
            4 => Self::Symlink,
            5 => Self::HamtShard,
            other => return Err(format!("UnixFS has no type {other}").into()),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw data",
            Self::Directory => "a directory",
            Self::File => "a file",
            Self::Metadata => "metadata",
            Self::Symlink => "a symbolic link",
            Self::HamtShard => "a shard of a directory",
        }
    }
}

impl<'a> Message<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let mut fields = Fields::of(bytes);
        let (mut kind, mut data, mut file_size) = (None, &b""[..], None);
        let mut block_sizes = Vec::new();
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Varint(number)) => kind = Some(Kind::of(number)?),
                (2, Value::Bytes(bytes)) => data = bytes,
                (3, Value::Varint(size)) => file_size = Some(size),
                (4, Value::Varint(size)) => block_sizes.push(size),
                (4, Value::Bytes(packed)) => {
                    let mut sizes = Fields::of(packed);
                    while let Some(size) = sizes.next_varint()? {
                        block_sizes.push(size);
                    }
                }
                (number @ 1..=4, _) => {
                    return Err(format!("field {number} of UnixFS is of another type").into());
                }
                _ => {}
            }
        }
        let kind = kind.ok_or("UnixFS without a type")?;
        Ok(Self { kind, data, file_size, block_sizes })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 10 * self.block_sizes.len() + 32);
        wire::put_varint(&mut out, 1, self.kind as u64);
        if !self.data.is_empty() {
            wire::put_bytes(&mut out, 2, self.data);
        }
        if let Some(size) = self.file_size {
            wire::put_varint(&mut out, 3, size);
        }
        for size in &self.block_sizes {
            wire::put_varint(&mut out, 4, *size);
        }
        out
    }
}
