//! Go's [gob](https://pkg.go.dev/encoding/gob), as much of it as pstoreds writes: one interface value a
//! row, whose dynamic type is a basic one, or the set of protocols. Other types are told by their name.
//!
//! A row is a stream of messages, each with its length before it. A value is preceded by its type's
//! number; a type that Go does not have built in is defined by messages of its own, with that number
//! negative. Numbers of such types depend on the process that wrote them.

mod basic;
mod protocols;
mod reader;
mod writer;

use bytes::Bytes;

use self::basic::Basic;
use self::reader::{Flaw, Reader};
use super::super::skipped::SkipReason;
use super::super::value::ImportedValue;

pub(super) use self::basic::encode;
pub(super) use self::protocols::encode as encode_protocols;

/// How Go names the type of a set of protocols.
const PROTOCOL_MAP: &str = "map[protocol.ID]struct {}";

/// The name of that type in releases in which a protocol was a string.
const STRING_MAP: &str = "map[string]struct {}";

/// The numbers of Go's own types.
const BOOL: i64 = 1;
const INT: i64 = 2;
const UINT: i64 = 3;
const FLOAT: i64 = 4;
const BYTES: i64 = 5;
const STRING: i64 = 6;
const INTERFACE: i64 = 8;

/// What a row holds.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Metadata(ImportedValue),
    /// A set of protocols, and how Go names the type that it has.
    Protocols(&'static str, Vec<Bytes>),
}

/// Reads a row.
pub(super) fn decode(row: &[u8]) -> Result<Value, SkipReason> {
    read(row).map_err(|flaw| match flaw {
        Flaw::Damaged(cause) => SkipReason::damaged("the gob", cause),
        Flaw::Type(name) => SkipReason::GoType(name),
    })
}

fn read(row: &[u8]) -> Result<Value, Flaw> {
    let mut stream = Reader::new(row);
    let mut message = stream.counted()?;
    if message.int()? != INTERFACE {
        return Err(Flaw::Damaged("it is not an interface value"));
    }
    message.zero()?;
    let name = message.text()?;
    if let Some(set) = [PROTOCOL_MAP, STRING_MAP].into_iter().find(|set| *set == name) {
        return Ok(Value::Protocols(set, protocols::decode(message, stream)?));
    }
    let basic = Basic::named(name).ok_or_else(|| Flaw::Type(name.to_owned()))?;
    if message.int()? != basic.number() {
        return Err(Flaw::Damaged("its type is not the one that it names"));
    }
    let mut value = message.counted()?;
    value.zero()?;
    let metadata = basic.read(&mut value)?;
    value.end()?;
    message.end()?;
    stream.end()?;
    Ok(Value::Metadata(metadata))
}
