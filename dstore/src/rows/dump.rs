//! Dumps: `{"entries": [{"key", "value"}, …], …}`, or `rows` for `entries`; the key as it is, the value in
//! lower-case hex, what is beside the rows left alone.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use datastore::Key;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::object::Object;
use super::{Failed, Row, RowKey};
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// Names of the member that holds the rows.
const ROWS: [&str; 2] = ["entries", "rows"];

/// What stands around the rows of a dump: its other members, as they were written.
pub(crate) struct Frame {
    before: Vec<(String, Box<RawValue>)>,
    rows: String,
    after: Vec<(String, Box<RawValue>)>,
}

impl Default for Frame {
    fn default() -> Self {
        Self { before: Vec::new(), rows: "entries".to_owned(), after: Vec::new() }
    }
}

impl Frame {
    /// That of another dump.
    pub(crate) fn of(dump: &[u8]) -> Result<Self> {
        let bad = |why: String| Failure::new(Exit::BadData, "not a dump").caused_by(why);
        let Members(members) =
            serde_json::from_slice(dump).map_err(|error| bad(error.to_string()))?;
        let (mut before, mut rows, mut after) = (Vec::new(), None, Vec::new());
        for (name, value) in members {
            match rows {
                Some(_) => after.push((name, value)),
                None if ROWS.contains(&name.as_str()) => rows = Some(name),
                None => before.push((name, value)),
            }
        }
        let rows = rows.ok_or_else(|| bad(NO_ROWS.to_owned()))?;
        Ok(Self { before, rows, after })
    }
}

/// Writes a dump in the layout of the dumps that are around: a space of indentation a level.
pub(crate) struct Writer<W> {
    to: W,
    frame: Frame,
    empty: bool,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(mut to: W, frame: Frame) -> io::Result<Self> {
        to.write_all(b"{\n")?;
        for (name, value) in &frame.before {
            writeln!(to, " {}: {value},", serde_json::to_string(name)?)?;
        }
        write!(to, " {}: [", serde_json::to_string(&frame.rows)?)?;
        Ok(Self { to, frame, empty: true })
    }

    pub(super) fn write(&mut self, key: &Key, value: &[u8], failed: Failed) -> Result<()> {
        let text = std::str::from_utf8(key.as_bytes()).map_err(|_| {
            Failure::new(
                Exit::BadData,
                format!("a dump cannot hold the key {key}, which is not UTF-8"),
            )
            .hint("export as JSON lines, which hold any key: `--format jsonl`")
        })?;
        let comma = if std::mem::take(&mut self.empty) { "" } else { "," };
        let key = serde_json::to_string(text).map_err(|error| failed(error.into()))?;
        write!(
            self.to,
            "{comma}\n  {{\n   \"key\": {key},\n   \"value\": \"{}\"\n  }}",
            HEXLOWER.encode_display(value)
        )
        .map_err(failed)
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.to.write_all(if self.empty { b"]" } else { b"\n ]" })?;
        for (name, value) in &self.frame.after {
            write!(self.to, ",\n {}: {value}", serde_json::to_string(name)?)?;
        }
        self.to.write_all(b"\n}\n")?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Reads rows, as they come, until `take` has enough of them.
pub(super) fn read<K: RowKey>(
    input: impl Read,
    take: &mut dyn FnMut(Row<K>) -> bool,
) -> Result<()> {
    let mut reader = serde_json::Deserializer::from_reader(input);
    let mut wants_more = true;
    let ended = reader
        .deserialize_map(Document { take, wants_more: &mut wants_more })
        .and_then(|found| reader.end().map(|()| found));
    match ended {
        _ if !wants_more => Ok(()),
        Ok(true) => Ok(()),
        Ok(false) => Err(bad_dump(NO_ROWS.to_owned())),
        Err(error) if error.is_io() => Err(Failure::io("cannot read the input", error.into())),
        Err(error) => Err(bad_dump(error.to_string())),
    }
}

const NO_ROWS: &str = "it has no array `entries` or `rows`";

fn bad_dump(why: String) -> Failure {
    Failure::new(Exit::BadData, "the input is not a good dump").caused_by(why).hint(
        r#"a dump is {"entries": [{"key": "/a/b", "value": "68656c6c6f"}]}: the key as it is, the value in hex"#,
    )
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dump, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The whole document; answers whether it had rows.
struct Document<'a, K> {
    take: &'a mut dyn FnMut(Row<K>) -> bool,
    wants_more: &'a mut bool,
}

impl<'de, K: RowKey> Visitor<'de> for Document<'_, K> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dump, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<bool, A::Error> {
        let mut found = false;
        while let Some(name) = map.next_key::<String>()? {
            if ROWS.contains(&name.as_str()) {
                found = true;
                map.next_value_seed(Rows { take: self.take, wants_more: self.wants_more })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The array of rows, handed on one by one.
struct Rows<'a, K> {
    take: &'a mut dyn FnMut(Row<K>) -> bool,
    wants_more: &'a mut bool,
}

impl<'de, K: RowKey> DeserializeSeed<'de> for Rows<'_, K> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, K: RowKey> Visitor<'de> for Rows<'_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<(), A::Error> {
        while let Some(Object(HexRow { key, value })) = rows.next_element()? {
            let row = Row {
                key: K::verbatim(&key).map_err(A::Error::custom)?,
                value: HEXLOWER_PERMISSIVE
                    .decode(value.as_bytes())
                    .map_err(|error| {
                        A::Error::custom(format!("the value of {key:?} is not hex: {error}"))
                    })?
                    .into(),
            };
            if !(self.take)(row) {
                *self.wants_more = false;
                return Err(A::Error::custom("nobody takes more rows"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HexRow<'a> {
    key: Cow<'a, str>,
    value: Cow<'a, str>,
}
