use bytes::Bytes;

use super::super::super::value::ImportedValue;
use super::reader::{Flaw, Reader};
use super::writer::Writer;
use super::{BOOL, BYTES, FLOAT, INT, STRING, UINT};

/// The types that Go has built in, as far as there is a form for them here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basic {
    Bool,
    /// With so many bits.
    Int(u32),
    /// With so many bits.
    Uint(u32),
    Float,
    Bytes,
    Text,
}

impl Basic {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int" | "int64" => Self::Int(64),
            "int8" => Self::Int(8),
            "int16" => Self::Int(16),
            "int32" => Self::Int(32),
            "uint" | "uint64" | "uintptr" => Self::Uint(64),
            "uint8" => Self::Uint(8),
            "uint16" => Self::Uint(16),
            "uint32" => Self::Uint(32),
            "float32" | "float64" => Self::Float,
            "[]uint8" => Self::Bytes,
            "string" => Self::Text,
            _ => return None,
        })
    }

    /// The number that stands before a value of the type.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Bool => BOOL,
            Self::Int(_) => INT,
            Self::Uint(_) => UINT,
            Self::Float => FLOAT,
            Self::Bytes => BYTES,
            Self::Text => STRING,
        }
    }

    pub(super) fn read(self, value: &mut Reader<'_>) -> Result<ImportedValue, Flaw> {
        Ok(match self {
            Self::Bool => ImportedValue::Bool(value.uint()? != 0),
            Self::Int(bits) => {
                let number = value.int()?;
                let fits = number << (64 - bits) >> (64 - bits) == number;
                ImportedValue::Int(fits.then_some(number).ok_or(TOO_LARGE)?)
            }
            Self::Uint(bits) => {
                let number = value.uint()?;
                let fits = number.leading_zeros() >= 64 - bits;
                ImportedValue::Uint(fits.then_some(number).ok_or(TOO_LARGE)?)
            }
            Self::Float => ImportedValue::Float(f64::from_bits(value.uint()?.swap_bytes())),
            Self::Bytes => ImportedValue::Bytes(Bytes::copy_from_slice(value.bytes()?)),
            Self::Text => {
                let bytes = value.bytes()?;
                // A string of Go may be any bytes.
                str::from_utf8(bytes).map_or_else(
                    |_| ImportedValue::Bytes(Bytes::copy_from_slice(bytes)),
                    |text| ImportedValue::Text(text.to_owned()),
                )
            }
        })
    }
}

/// Writes a row; `None` for a value of a type that Go does not have.
pub(in super::super) fn encode(metadata: &ImportedValue) -> Option<Vec<u8>> {
    let mut value = Writer::default();
    value.uint(0);
    let (name, number) = match metadata {
        ImportedValue::Bytes(bytes) => {
            value.bytes(bytes);
            ("[]uint8", BYTES)
        }
        ImportedValue::Text(text) => {
            value.bytes(text.as_bytes());
            ("string", STRING)
        }
        ImportedValue::Bool(truth) => {
            value.uint(u64::from(*truth));
            ("bool", BOOL)
        }
        ImportedValue::Int(number) => {
            value.int(*number);
            ("int", INT)
        }
        ImportedValue::Uint(number) => {
            value.uint(*number);
            ("uint64", UINT)
        }
        ImportedValue::Float(number) => {
            // The exponent comes first, so that round numbers are short.
            value.uint(number.to_bits().swap_bytes());
            ("float64", FLOAT)
        }
        ImportedValue::Other(_) => return None,
    };
    let mut message = Writer::interface(name);
    message.int(number).counted(&value);
    let mut row = Writer::default();
    row.counted(&message);
    Some(row.finish())
}

const TOO_LARGE: Flaw = Flaw::Damaged("a number does not fit its type");
