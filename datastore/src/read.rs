use bytes::Bytes;

/// How much of a value a read asks for; a store fetches no more than it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Whether it is there.
    Exists,
    /// Its size in bytes.
    Size,
    /// All of it, and its [`Version`].
    Value,
    /// Its bytes from `offset`, `len` at most: fewer where the value ends, none past its end.
    Range {
        /// Position of the first byte.
        offset: u64,
        /// How many bytes at most.
        len: u64,
    },
}

/// A value that was found, as far as the read asked for it.
///
/// Small, since each layer that a read goes through moves it.
#[derive(Clone, Debug)]
pub struct Found {
    size: Option<u64>,
    value: Option<Bytes>,
    mark: Mark,
}

/// What tells the version of a value, beside the value.
#[derive(Clone, Debug)]
enum Mark {
    Nothing,
    Seen(Seen),
    /// It is not the value.
    Version(Box<Version>),
}

impl Found {
    /// The answer to [`Want::Exists`].
    pub fn exists() -> Self {
        Self { size: None, value: None, mark: Mark::Nothing }
    }

    /// The answer to [`Want::Size`].
    pub fn sized(size: u64) -> Self {
        Self { size: Some(size), value: None, mark: Mark::Nothing }
    }

    /// The answer to [`Want::Value`].
    pub fn whole(value: Bytes) -> Self {
        Self { size: Some(value.len() as u64), value: Some(value), mark: Mark::Nothing }
    }

    /// The answer to [`Want::Range`], from a store that reads ranges: a part, and the size of the
    /// whole value.
    pub fn part(part: Bytes, size: u64) -> Self {
        Self { size: Some(size), value: Some(part), mark: Mark::Nothing }
    }

    /// The answer to `want` from a store that has the whole value at hand.
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use datastore::{Found, Want};
    ///
    /// let found = Found::answer(&Want::Range { offset: 2, len: 9 }, Bytes::from("abcd"));
    /// assert_eq!(found.value().map(|part| &part[..]), Some(&b"cd"[..]));
    /// assert_eq!(found.size(), Some(4));
    /// ```
    pub fn answer(want: &Want, value: Bytes) -> Self {
        let size = value.len() as u64;
        match *want {
            Want::Exists => Self::exists(),
            Want::Size => Self::sized(size),
            Want::Value => Self::whole(value),
            Want::Range { offset, len } => {
                // Both ends are at most `size`, the length of something in memory.
                let start = offset.min(size) as usize;
                let end = offset.saturating_add(len).min(size) as usize;
                Self::part(value.slice(start..end), size)
            }
        }
    }

    /// Sets a version other than the value itself: an ETag, a generation.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.mark = Mark::Version(Box::new(version));
        self
    }

    /// Says where and when a value was read that is its own version: by that the store may know, without
    /// another look, that [`Condition::Unchanged`](crate::Condition::Unchanged) holds.
    #[must_use]
    pub fn seen(mut self, seen: Seen) -> Self {
        self.mark = Mark::Seen(seen);
        self
    }

    /// Size of the whole value in bytes; `None` if the read asked only whether it exists.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The value, or the range of it, that was asked for.
    pub fn value(&self) -> Option<&Bytes> {
        self.value.as_ref()
    }

    /// The value, or the range of it, that was asked for.
    pub fn into_value(self) -> Option<Bytes> {
        self.value
    }

    /// The version to hand back in [`Condition::Unchanged`](crate::Condition::Unchanged); there
    /// where the read asked for [`Want::Value`] and the store holds conditions.
    pub fn version(&self) -> Option<Version> {
        let seen = match &self.mark {
            Mark::Version(version) => return Some((**version).clone()),
            Mark::Seen(seen) => Some(*seen),
            Mark::Nothing => None,
        };
        let whole = self.value.clone().filter(|value| Some(value.len() as u64) == self.size);
        whole.map(|value| Version { seen, ..Version::of_value(value) })
    }

    fn other_version(&self) -> Option<&Version> {
        match &self.mark {
            Mark::Version(version) => Some(version),
            Mark::Seen(_) | Mark::Nothing => None,
        }
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        let Self { size, value, mark: _ } = self;
        (size, value, self.other_version()) == (&other.size, &other.value, other.other_version())
    }
}

impl Eq for Found {}

/// What a value was when it was read, to hand back in a condition; opaque to callers.
///
/// Local stores use the value itself, so a value that was changed and changed back counts as
/// unchanged; remote stores use their ETag or generation.
///
/// Until the value changes, every version that was read of it holds, though a later read may give another:
/// a value that a [`WriteBehind`](crate::WriteBehind) has pending is its own version, and has that of the
/// store below once it is written. So versions that differ do not tell that the value changed; a condition
/// does.
#[derive(Clone, Debug)]
pub struct Version {
    repr: Repr,
    seen: Option<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Repr {
    Value(Bytes),
    Tag(Bytes),
}

impl Version {
    /// The version of a store that compares values.
    pub fn of_value(value: Bytes) -> Self {
        Self { repr: Repr::Value(value), seen: None }
    }

    /// The version of a store that compares tags.
    pub fn of_tag(tag: impl Into<Bytes>) -> Self {
        Self { repr: Repr::Tag(tag.into()), seen: None }
    }

    /// The value, if this is a version of a store that compares values.
    pub fn as_value(&self) -> Option<&Bytes> {
        match &self.repr {
            Repr::Value(value) => Some(value),
            Repr::Tag(_) => None,
        }
    }

    /// The tag, if this is a version of a store that compares tags.
    pub fn as_tag(&self) -> Option<&Bytes> {
        match &self.repr {
            Repr::Tag(tag) => Some(tag),
            Repr::Value(_) => None,
        }
    }

    /// The same bytes as a tag, for a layer whose callers see other values than the store below.
    pub(crate) fn into_tag(self) -> Self {
        let (Repr::Value(bytes) | Repr::Tag(bytes)) = self.repr;
        Self { repr: Repr::Tag(bytes), seen: self.seen }
    }

    /// The other way round of [`into_tag`](Self::into_tag).
    pub(crate) fn into_value(self) -> Self {
        let (Repr::Value(bytes) | Repr::Tag(bytes)) = self.repr;
        Self { repr: Repr::Value(bytes), seen: self.seen }
    }

    /// Where and when the value was read, if its store said so.
    pub fn seen(&self) -> Option<Seen> {
        self.seen
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.repr == other.repr
    }
}

impl Eq for Version {}

/// Where and when a store read a value, in numbers that say something to that store alone.
///
/// A hint and no more: two versions, or two values that were found, that differ in it are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which key of which open store: a hash of both.
    pub place: u64,
    /// How often the store had been written before.
    pub writes: u64,
}
