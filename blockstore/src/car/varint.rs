/// An unsigned varint that arrives byte by byte: as the multiformats `unsigned-varint` specification and
/// go's `go-varint` have it, 9 bytes at most and none more than the number needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uvarint {
    value: u64,
    len: u32,
}

/// Why bytes are not an unsigned varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotUvarint {
    TooLong,
    NotMinimal,
}

const MAX_LEN: u32 = 9;

impl Uvarint {
    /// Takes one byte more; the number, if that was its last.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<u64>, NotUvarint> {
        self.value |= u64::from(byte & 0x7f) << (7 * self.len);
        self.len += 1;
        match byte {
            0 if self.len > 1 => Err(NotUvarint::NotMinimal),
            0..0x80 => Ok(Some(self.value)),
            _ if self.len == MAX_LEN => Err(NotUvarint::TooLong),
            _ => Ok(None),
        }
    }

    /// Whether no byte came yet.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Appends `value` as an unsigned varint.
pub(super) fn write(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
