use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use data_encoding::BASE64;
use datastore::Key;
use serde::{Deserialize, Serialize};

use super::object::Object;
use super::{Row, RowKey};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Base64;

#[derive(Serialize)]
struct Line<'a> {
    key: &'a Key,
    value: Base64<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a, K> {
    key: K,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

pub(super) fn write(to: &mut impl Write, key: &Key, value: &[u8]) -> io::Result<()> {
    serde_json::to_writer(&mut *to, &Line { key, value: Base64(value) })?;
    to.write_all(b"\n")
}

/// Reads rows until `take` has enough of them.
pub(super) fn read<K: RowKey>(
    mut input: impl BufRead,
    take: &mut dyn FnMut(Row<K>) -> bool,
) -> Result<()> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let failed = |error| Failure::io(format!("cannot read line {number} of the input"), error);
        if input.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        let text = line.trim_ascii();
        if !text.is_empty() && !take(parse(text).map_err(|why| bad_line(number, why))?) {
            break;
        }
    }
    Ok(())
}

fn parse<K: RowKey>(line: &[u8]) -> Result<Row<K>, String> {
    let Object(Read { key, value }) = serde_json::from_slice(line).map_err(|error| {
        // The line that serde counts is the one at hand: only the column says something.
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or_default();
        format!("{message} (column {})", error.column())
    })?;
    match BASE64.decode(value.as_bytes()) {
        Ok(value) => Ok(Row { key, value: value.into() }),
        Err(error) => Err(format!("the value is not base64: {error}")),
    }
}

fn bad_line(number: u64, why: String) -> Failure {
    Failure::new(Exit::BadData, format!("line {number} of the input is not an entry"))
        .caused_by(why)
        .hint(
            r#"a line is {"key":"/a/b","value":"aGVsbG8="}: the key as text, the value in base64"#,
        )
}
