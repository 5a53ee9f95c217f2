use std::io::{self, Read};

use super::Format;

/// Tells by the first member which format an input is in, and gives back all of the input.
///
/// A line of JSON lines begins with a key or a value; a dump is anything else.
pub(super) fn detect(mut input: impl Read) -> io::Result<(Format, impl Read)> {
    let mut start = Vec::new();
    // More white space in front than this is no format at all.
    while start.len() < 4096 && first_member(&start).is_none() {
        let mut byte = [0];
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => start.extend(byte),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let format = match first_member(&start) {
        Some(b"key" | b"value") => Format::Jsonl,
        Some(_) => Format::Dump,
        // Empty, or nothing that is JSON: the format with the better message.
        None => Format::Jsonl,
    };
    Ok((format, io::Cursor::new(start).chain(input)))
}

/// The name of the first member of the object that `start` begins with, once all of it is there.
fn first_member(start: &[u8]) -> Option<&[u8]> {
    let inside = start.trim_ascii_start().strip_prefix(b"{")?;
    let name = inside.trim_ascii_start().strip_prefix(b"\"")?;
    let end = name.iter().position(|byte| *byte == b'"')?;
    name.get(..end)
}
