use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use datastore::units::{size, time};
use datastore::{Error, ErrorKind, Key, Result};

/// An option that URLs of a backend may have.
#[derive(PartialEq, Eq)]
pub(crate) struct OptionSpec {
    pub(crate) name: &'static str,
    pub(crate) values: &'static str,
    pub(crate) about: &'static str,
    /// Whether its value is a URL, in which somebody may have left a secret.
    pub(crate) is_url: bool,
}

impl OptionSpec {
    pub(crate) const fn new(name: &'static str, values: &'static str, about: &'static str) -> Self {
        Self { name, values, about, is_url: false }
    }

    pub(crate) const fn url(self) -> Self {
        Self { is_url: true, ..self }
    }
}

/// The options that the URLs of every backend may have.
pub(crate) const COMMON: &[OptionSpec] =
    &[OptionSpec::new("namespace", "KEY", "only what lies below this key, named from there")];

/// The options of one URL; each has one of the names that its backend knows.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Options(BTreeMap<String, String>);

impl Options {
    /// Adds an option; false if it is there already.
    pub(crate) fn add(&mut self, name: &str, value: String) -> bool {
        self.0.insert(name.to_owned(), value).is_none()
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.one_of(name, &[("true", true), ("false", false)])
    }

    pub(crate) fn one_of<T: Clone>(&self, name: &str, values: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == text) {
            return Ok(Some(value.clone()));
        }
        let known: Vec<String> = values.iter().map(|(known, _)| format!("`{known}`")).collect();
        Err(refused(name, text, &format!("write {}", known.join(" or "))))
    }

    pub(crate) fn number(&self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (start, end) = range.into_inner();
        let write = || format!("write a number from {start} to {end}");
        Ok(Some(number.ok_or_else(|| refused(name, text, &write()))?))
    }

    pub(crate) fn time(
        &self,
        name: &str,
        range: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let time = time::parse(text).filter(|time| range.contains(time));
        let write = || {
            let (start, end) = (range.start(), range.end());
            format!("write {}, from {start:?} to {end:?}", time::FORMS)
        };
        Ok(Some(time.ok_or_else(|| refused(name, text, &write()))?))
    }

    pub(crate) fn size(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let size = size::parse(text).ok_or_else(|| refused(name, text, &sizes()))?;
        Ok(Some(size))
    }

    /// A size, or `Some(None)` where it says `off`.
    pub(crate) fn size_or_off(&self, name: &str) -> Result<Option<Option<u64>>> {
        match self.get(name) {
            None => Ok(None),
            Some("off") => Ok(Some(None)),
            Some(text) => match size::parse(text) {
                Some(size) => Ok(Some(Some(size))),
                None => Err(refused(name, text, &format!("{}, or `off`", sizes()))),
            },
        }
    }

    pub(crate) fn key(&self, name: &str) -> Result<Option<Key>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let key = text.parse().map_err(|error| {
            refused(name, text, "write a key such as `/nodes/7`").with_source(error)
        })?;
        Ok(Some(key))
    }
}

fn sizes() -> String {
    format!("write {}", size::FORMS)
}

/// Of options whose values may be shown.
fn refused(name: &str, value: &str, what_to_do: &str) -> Error {
    let message = format!("option `{name}` cannot be {value:?}: {what_to_do}");
    Error::new(ErrorKind::InvalidInput, message)
}
