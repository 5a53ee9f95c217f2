use bytes::Bytes;

use super::reader::{Flaw, Reader};
use super::writer::Writer;
use super::{PROTOCOL_MAP, STRING};

/// Reads a map from strings to the empty struct: the rest of the message that names it, which defines
/// the map, a message that defines the struct, and one with the map.
pub(super) fn decode(mut message: Reader<'_>, mut stream: Reader<'_>) -> Result<Vec<Bytes>, Flaw> {
    let (map, definition) = definition(&mut message)?;
    message.end()?;
    let Definition::Map { element } = definition else {
        return Err(Flaw::Damaged("its type is not a map"));
    };
    let mut message = stream.counted()?;
    if self::definition(&mut message)? != (element, Definition::EmptyStruct) {
        return Err(Flaw::Damaged("its elements are not defined"));
    }
    message.end()?;
    let mut message = stream.counted()?;
    if message.int()? != map {
        return Err(Flaw::Damaged("it is a value of another type"));
    }
    let mut value = message.counted()?;
    value.zero()?;
    let count = value.uint()?;
    let mut protocols = Vec::new();
    for _ in 0..count {
        protocols.push(Bytes::copy_from_slice(value.bytes()?));
        value.zero()?;
    }
    value.end()?;
    message.end()?;
    stream.end()?;
    Ok(protocols)
}

/// Writes a row. The protocols come in the order in which they are given: Go has none.
pub(in super::super) fn encode<'p>(protocols: impl ExactSizeIterator<Item = &'p str>) -> Vec<u8> {
    let mut map_type = Writer::interface(PROTOCOL_MAP);
    map_type.int(-MAP).uint(1 + MAP_FIELD);
    map_type.uint(1).uint(2).int(MAP).uint(0);
    map_type.uint(1).int(STRING).uint(1).int(STRUCT).uint(0).uint(0);
    let mut struct_type = Writer::default();
    struct_type.int(-STRUCT).uint(1 + STRUCT_FIELD);
    struct_type.uint(1).uint(2).int(STRUCT).uint(0).uint(0).uint(0);
    let mut value = Writer::default();
    value.uint(0).uint(protocols.len() as u64);
    for protocol in protocols {
        value.bytes(protocol.as_bytes()).uint(0);
    }
    let mut map = Writer::default();
    map.int(MAP).counted(&value);
    let mut row = Writer::default();
    row.counted(&map_type).counted(&struct_type).counted(&map);
    row.finish()
}

/// The numbers that Go gives to the first two types of a process.
const STRUCT: i64 = 64;
const MAP: i64 = 65;

/// The fields of a definition, one for each kind of type.
const STRUCT_FIELD: u64 = 2;
const MAP_FIELD: u64 = 3;

#[derive(Debug, PartialEq, Eq)]
enum Definition {
    /// A map from strings to the type with this number.
    Map {
        element: i64,
    },
    EmptyStruct,
}

/// The number of a type, and what it is.
fn definition(message: &mut Reader<'_>) -> Result<(i64, Definition), Flaw> {
    let number = message.int()?;
    if number >= 0 {
        return Err(Flaw::Damaged("a type is not defined"));
    }
    let mut definition = None;
    message.fields(|message, field| {
        definition = Some(match field {
            MAP_FIELD => map(message)?,
            STRUCT_FIELD => empty_struct(message)?,
            _ => return Err(Flaw::Damaged("a type is neither a map nor a struct")),
        });
        Ok(())
    })?;
    let definition = definition.ok_or(Flaw::Damaged("a type is not defined"))?;
    // The most negative number has no counterpart.
    Ok((number.checked_neg().unwrap_or(i64::MAX), definition))
}

fn map(message: &mut Reader<'_>) -> Result<Definition, Flaw> {
    let (mut key, mut element) = (0, 0);
    message.fields(|message, field| {
        match field {
            0 => common(message)?,
            1 => key = message.int()?,
            2 => element = message.int()?,
            _ => return Err(UNKNOWN),
        }
        Ok(())
    })?;
    if key != STRING {
        return Err(Flaw::Damaged("the keys of a map are not strings"));
    }
    Ok(Definition::Map { element })
}

fn empty_struct(message: &mut Reader<'_>) -> Result<Definition, Flaw> {
    message.fields(|message, field| match field {
        0 => common(message),
        _ => Err(Flaw::Damaged("a struct is not empty")),
    })?;
    Ok(Definition::EmptyStruct)
}

/// The name and number of a type, again.
fn common(message: &mut Reader<'_>) -> Result<(), Flaw> {
    message.fields(|message, field| match field {
        0 => message.bytes().map(drop),
        1 => message.int().map(drop),
        _ => Err(UNKNOWN),
    })
}

const UNKNOWN: Flaw = Flaw::Damaged("a type has an unknown field");
