//! Answers of other libraries, and the places where we differ from them on purpose.

use std::collections::BTreeSet;
use std::fmt::Debug;

use datastore::Key;

/// Places where we differ from an oracle, and why.
pub(crate) struct Difference {
    /// In these fields of the answer …
    pub(crate) fields: &'static [&'static str],
    /// … to each of these inputs.
    pub(crate) inputs: &'static [&'static str],
    pub(crate) why: &'static str,
}

/// Compares answers, and at the end the differences with the table of those that are meant.
pub(crate) struct Ledger {
    table: &'static [Difference],
    found: BTreeSet<(String, String)>,
}

impl Ledger {
    pub(crate) fn new(table: &'static [Difference]) -> Self {
        Self { table, found: BTreeSet::new() }
    }

    /// Compares one field of the answer to one input; says whether it is equal.
    #[track_caller]
    pub(crate) fn compare<T: PartialEq + Debug>(
        &mut self,
        field: &str,
        input: &str,
        ours: T,
        theirs: T,
    ) -> bool {
        if ours == theirs {
            return true;
        }
        let meant = |row: &&Difference| row.fields.contains(&field) && row.inputs.contains(&input);
        assert!(
            self.table.iter().any(|row| meant(&row)),
            "{field} of {input:?}: {ours:?} here, {theirs:?} there"
        );
        self.found.insert((field.to_owned(), input.to_owned()));
        false
    }

    /// Fails if a row of the table names a difference that is not there.
    #[track_caller]
    pub(crate) fn finish(self) {
        for Difference { fields, inputs, why } in self.table {
            for field in *fields {
                for input in *inputs {
                    let place = ((*field).to_owned(), (*input).to_owned());
                    assert!(
                        self.found.contains(&place),
                        "{field} of {input:?} is no longer a difference ({why})"
                    );
                }
            }
        }
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn texts<'a>(segments: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    segments.map(text).collect()
}

/// The root, `/`, is a key elsewhere. Here it is the absence of one, so that `None` stands for it.
pub(crate) const ROOT: &[u8] = b"/";

pub(crate) fn or_root(key: Option<&Key>) -> &[u8] {
    key.map_or(ROOT, Key::as_bytes)
}
