//! Percent escapes: bytes as text, where `%hh` stands for any byte. Keys have this text form, and URLs of
//! stores.
//!
//! # Examples
//! ```
//! use datastore::percent;
//!
//! let mut text = String::new();
//! percent::write(&mut text, b"a b/100%\xFF", char::is_whitespace)?;
//! assert_eq!(text, "a%20b/100%25%FF");
//! assert_eq!(percent::decode(&text).as_deref(), Some(&b"a b/100%\xFF"[..]));
//! # Ok::<(), std::fmt::Error>(())
//! ```

use std::fmt::{Result, Write};

/// Writes the text that stands for `bytes`: what is not UTF-8, control characters, `%` and what is
/// `reserved` is escaped.
///
/// # Errors
/// What writing to `text` fails with.
pub fn write(text: &mut impl Write, bytes: &[u8], reserved: impl Fn(char) -> bool) -> Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() || reserved(c) {
                escape(text, c.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                text.write_char(c)?;
            }
        }
        escape(text, chunk.invalid())?;
    }
    Ok(())
}

/// The bytes that `text` stands for; `None` where a `%` is not followed by two hex digits.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        bytes.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
        rest = tail;
    }
    Some(bytes)
}

fn escape(text: &mut impl Write, bytes: &[u8]) -> Result {
    bytes.iter().try_for_each(|byte| write!(text, "%{byte:02X}"))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
