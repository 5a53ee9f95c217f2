//! The wire format of protocol buffers, as far as dag-pb and UnixFS need it: a hundred lines. A library
//! of messages would not do: dag-pb is written with field 2 before field 1 and read by rules of its own,
//! and the digest of a block depends on each byte.

use std::borrow::Cow;

/// Why bytes are not what they should be.
pub(crate) type Reason = Cow<'static, str>;

/// The fields of a message, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Of 4 or 8 bytes; no field that is read here has one.
    Fixed,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The number and the value of the next field.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Reason> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            other => return Err(format!("wire type {other}, which is not read").into()),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// The next varint of a packed field.
    pub(crate) fn next_varint(&mut self) -> Result<Option<u64>, Reason> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    fn varint(&mut self) -> Result<u64, Reason> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err("it ends within a varint".into());
            };
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a varint of more than 64 bits".into())
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Reason> {
        let split = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let Some((taken, rest)) = split else {
            let left = self.rest.len();
            return Err(format!("a field of {len} bytes where {left} are left").into());
        };
        self.rest = rest;
        Ok(taken)
    }
}

/// Writes a field of a number.
pub(crate) fn put_varint(out: &mut Vec<u8>, field: u8, value: u64) {
    varint(out, u64::from(field) << 3);
    varint(out, value);
}

/// Writes a field of bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    varint(out, u64::from(field) << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
