//! The file `SEAL`: what a clean close left behind, so that the next open notices what happened to it
//! meanwhile.
//!
//! The engine ends the replay of a journal at the first record whose tag it does not know, and takes
//! that for the end: the journal is allocated ahead and its rest is zeros. A damaged tag so drops all
//! that follows it without a word. Hence, once everything is durable and the engine has let go of its
//! files, a close writes down each of them with its length and a checksum; the next open compares them
//! before the engine sees them, answers `Corrupt` with the name of the first that differs, and removes
//! the seal, durably, before the engine changes anything. Tables and the files of separated values are
//! compared by length alone, since the engine keeps checksums of their blocks and looks at them with
//! each read. The cost is reading the journals and manifests once at each end, some 0.02 s for each
//! 64 MiB.
//!
//! Without a seal the store was not closed (or a later open failed after the seal was removed), and what
//! `recovery.rs` and `journal.rs` describe is looked at instead.
//!
//! A seal that does not match stays, and so does the error. Whoever would rather have what is left
//! removes the file `SEAL`: the store then opens as after a crash.
//!
//! Text: a first line that names this, a line `LENGTH CHECKSUM PATH` for each file, ordered by path,
//! where the checksum is XXH3 with 128 bits in hexadecimal or `-`, and a last line with the checksum
//! of all that is before it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use datastore::{Error, ErrorKind, Result};
use xxhash_rust::xxh3::xxh3_128;

use crate::{digest, directory, durable_file, errors};

/// Name of the file.
pub(crate) const FILE: &str = "SEAL";

/// What the close did to the store in the directory `path` was undone by nobody: checks the seal, and
/// breaks it. Answers whether there was one.
pub(crate) fn open(path: &Path) -> Result<bool> {
    let seal = path.join(FILE);
    let sealed = durable_file::read(path, FILE).map_err(|error| errors::io(&seal, error))?;
    let Some(sealed) = sealed else { return Ok(false) };
    let sealed = decode(&sealed).ok_or_else(|| damaged(&seal, "it does not match itself"))?;
    let files = survey(&path.join(directory::ENGINE))?;
    for (name, file) in &sealed {
        let place = path.join(directory::ENGINE).join(name);
        match files.get(name) {
            None => return Err(damaged(&place, "it is missing")),
            Some(found) if found.length != file.length => {
                let what = format!("it has {} bytes and had {}", found.length, file.length);
                return Err(damaged(&place, &what));
            }
            Some(found) if found.checksum != file.checksum => {
                return Err(damaged(&place, "its checksum differs"));
            }
            Some(_) => {}
        }
    }
    if let Some(name) = files.keys().find(|name| !sealed.contains_key(*name)) {
        return Err(damaged(&path.join(directory::ENGINE).join(name), "it was not there"));
    }
    durable_file::remove(path, FILE).map_err(|error| errors::io(&seal, error))?;
    Ok(true)
}

/// Seals the store in the directory `path`, which the engine has let go of.
pub(crate) fn close(path: &Path) -> Result<()> {
    let files = survey(&path.join(directory::ENGINE))?;
    durable_file::write(path, FILE, encode(&files).as_bytes())
        .map_err(|error| errors::io(&path.join(FILE), error))
}

/// Files by their path below the engine's folder, with `/` between its parts.
type Files = BTreeMap<String, Sealed>;

#[derive(Debug, PartialEq, Eq)]
struct Sealed {
    length: u64,
    checksum: Option<u128>,
}

fn survey(engine: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = engine.join(&folder);
        for entry in fs::read_dir(&path).map_err(|error| errors::io(&path, error))? {
            let entry = entry.map_err(|error| errors::io(&path, error))?;
            let name = entry.file_name();
            let name =
                name.to_str().ok_or_else(|| damaged(&entry.path(), "it is not the engine's"))?;
            let name = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().map_err(|error| errors::io(&entry.path(), error))?;
            if kind.is_dir() {
                folders.push(name);
                continue;
            }
            let checked_by_engine = CHECKED_BY_ENGINE.iter().any(|part| folder.ends_with(part));
            let sealed = look(&entry.path(), !checked_by_engine)
                .map_err(|error| errors::io(&entry.path(), error))?;
            files.insert(name, sealed);
        }
    }
    Ok(files)
}

fn look(path: &Path, with_checksum: bool) -> io::Result<Sealed> {
    let length = path.metadata()?.len();
    let checksum = with_checksum.then(|| digest::of_file(path)).transpose()?;
    Ok(Sealed { length, checksum })
}

fn encode(files: &Files) -> String {
    let mut text = format!("{HEADER}\n");
    for (name, Sealed { length, checksum }) in files {
        let checksum = checksum.map_or_else(|| "-".to_owned(), |sum| format!("{sum:032x}"));
        text.push_str(&format!("{length} {checksum} {name}\n"));
    }
    let checksum = xxh3_128(text.as_bytes());
    text.push_str(&format!("{checksum:032x}\n"));
    text
}

fn decode(text: &[u8]) -> Option<Files> {
    let text = str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let (body, checksum) = text.split_at(text.rfind('\n')? + 1);
    if checksum != format!("{:032x}", xxh3_128(body.as_bytes())) {
        return None;
    }
    let mut lines = body.lines();
    if lines.next()? != HEADER {
        return None;
    }
    lines.map(decode_line).collect()
}

fn decode_line(line: &str) -> Option<(String, Sealed)> {
    let mut parts = line.splitn(3, ' ');
    let length = parts.next()?.parse().ok()?;
    let checksum = match parts.next()? {
        "-" => None,
        sum => Some(u128::from_str_radix(sum, 16).ok()?),
    };
    Some((parts.next()?.to_owned(), Sealed { length, checksum }))
}

fn damaged(path: &Path, what: &str) -> Error {
    let message = format!(
        "{} is not as the store left it when it was closed: {what}; to open what is left of the store, \
         remove its file {FILE}",
        path.display()
    );
    Error::new(ErrorKind::Corrupt, message)
}

const HEADER: &str = "datastore-fjall seal 1";

/// Folders whose files the engine verifies block by block.
const CHECKED_BY_ENGINE: [&str; 2] = ["/tables", "/blobs"];
