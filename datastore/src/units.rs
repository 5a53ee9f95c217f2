//! Times and sizes as people write them in URLs and in configuration: `10m`, `64MiB`.
//!
//! [`time`] and [`size`] are also what `#[serde(with = "…")]` takes. A number without a unit is one of seconds, or of
//! bytes; whatever is written is read again as the same.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use datastore::units::{size, time};
//!
//! assert_eq!(time::parse("10m"), Some(Duration::from_secs(600)));
//! assert_eq!(time::text(Duration::from_secs(7200)), "2h");
//! assert_eq!(size::parse("64MiB"), Some(64 << 20));
//! assert_eq!(size::text(1500), "1500");
//! ```

/// Times: `500ms`, `30s`, `5m`, `1h`, `7d`, and shorter ones in `us` and `ns`.
pub mod time {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    /// How times are written, for messages.
    pub const FORMS: &str = "a time such as `30s`, `500ms`, `5m`, `1h`, `7d`";

    const SECOND: u128 = 1_000_000_000;

    /// In nanoseconds; the longest first, as they are written.
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400 * SECOND),
        ("h", 3_600 * SECOND),
        ("m", 60 * SECOND),
        ("s", SECOND),
        ("ms", SECOND / 1_000),
        ("us", SECOND / 1_000_000),
        ("ns", 1),
    ];

    /// The time that a text names.
    pub fn parse(text: &str) -> Option<Duration> {
        let (number, unit) = super::split(text)?;
        let unit = if unit.is_empty() { "s" } else { unit };
        let (_, nanos) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let nanos = number.checked_mul(nanos)?;
        let seconds = u64::try_from(nanos / SECOND).ok()?;
        Some(Duration::new(seconds, u32::try_from(nanos % SECOND).ok()?))
    }

    /// A time in the longest unit that it is a multiple of.
    pub fn text(time: Duration) -> String {
        let nanos = time.as_nanos();
        let unit = UNITS.into_iter().find(|(_, unit)| nanos > 0 && nanos.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(("s", SECOND));
        format!("{}{name}", nanos / unit)
    }

    /// Writes a time as its text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(*time))
    }

    /// Reads a time from its text, or from a number of seconds.
    ///
    /// # Errors
    /// Those of the deserializer, and what is not a time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        from.deserialize_any(super::Written(FORMS, parse))
    }
}

/// Sizes in bytes: `1500`, `512KiB`, `64MiB`, `2GiB`, `1TiB`.
pub mod size {
    use serde::{Deserialize, Deserializer, Serializer};

    /// How sizes are written, for messages.
    pub const FORMS: &str = "a size such as `64MiB`, `512KiB`, `2GiB` or a number of bytes";

    /// The largest first, as they are written.
    const UNITS: [(&str, u64); 4] =
        [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

    /// The number of bytes that a text names.
    pub fn parse(text: &str) -> Option<u64> {
        let (number, unit) = super::split(text)?;
        let number = u64::try_from(number).ok()?;
        match unit {
            "" | "B" => Some(number),
            unit => {
                let (_, bytes) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
                number.checked_mul(bytes)
            }
        }
    }

    /// A number of bytes in the largest unit that it is a multiple of.
    pub fn text(bytes: u64) -> String {
        match UNITS.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit)) {
            Some((name, unit)) => format!("{}{name}", bytes / unit),
            None => bytes.to_string(),
        }
    }

    /// Writes a size as its text.
    ///
    /// # Errors
    /// Those of the serializer; sizes that are no number of 64 bits.
    pub fn serialize<T, S>(bytes: &T, to: S) -> Result<S::Ok, S::Error>
    where
        T: Copy + TryInto<u64>,
        S: Serializer,
    {
        let too_large = |_| serde::ser::Error::custom("a size of more than 64 bits");
        to.serialize_str(&text((*bytes).try_into().map_err(too_large)?))
    }

    /// Reads a size from its text, or from a number of bytes.
    ///
    /// # Errors
    /// Those of the deserializer, and what is not a size, or is too large for its type.
    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: TryFrom<u64> + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let bytes = from.deserialize_any(super::Written(FORMS, parse))?;
        T::try_from(bytes).map_err(|_| serde::de::Error::custom("this size is too large here"))
    }
}

/// A number, and what stands behind it.
fn split(text: &str) -> Option<(u128, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

/// Reads what is written as text or as a plain number.
struct Written<T>(&'static str, fn(&str) -> Option<T>);

impl<T> serde::de::Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{size, time};

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, millis) in [
            ("0", 0),
            ("30", 30_000),
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("48h", 172_800_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(time::parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "m", "-1s", "+1s", "1.5h", "1 h", "1y", "1H", "99999999999999999999999d"] {
            assert_eq!(time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again_as_the_same() {
        let seconds = [0, 1, 59, 60, 90, 3_600, 86_400, 400 * 86_400, u64::MAX];
        for seconds in seconds {
            for nanos in [0, 1, 1_000, 1_000_000, 999_999_999] {
                let duration = Duration::new(seconds, nanos);
                assert_eq!(time::parse(&time::text(duration)), Some(duration), "{duration:?}");
            }
        }
        assert_eq!(time::text(Duration::from_secs(48 * 3_600)), "2d");
        assert_eq!(time::text(Duration::ZERO), "0s");
        for bytes in [0, 1, 1_023, 1_024, 1_025, 64 << 20, 1 << 40, u64::MAX] {
            assert_eq!(size::parse(&size::text(bytes)), Some(bytes));
        }
        assert_eq!(size::text(32 << 20), "32MiB");
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [("0", 0), ("1500", 1_500), ("7B", 7), ("3GiB", 3 << 30)] {
            assert_eq!(size::parse(text), Some(bytes));
        }
        for text in ["", "KiB", "-1", "1.5MiB", "1 MiB", "64MB", "99999999TiB"] {
            assert_eq!(size::parse(text), None, "{text}");
        }
    }

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Options {
        #[serde(with = "time")]
        every: Duration,
        #[serde(with = "size")]
        cache: usize,
    }

    #[test]
    fn they_stand_in_configuration() {
        let options = Options { every: Duration::from_secs(600), cache: 64 << 20 };
        let text = r#"{"every":"10m","cache":"64MiB"}"#;
        assert_eq!(serde_json::to_string(&options).unwrap(), text);
        assert_eq!(serde_json::from_str::<Options>(text).unwrap(), options);
        let numbers = r#"{"every":600,"cache":67108864}"#;
        assert_eq!(serde_json::from_str::<Options>(numbers).unwrap(), options);
        for text in [r#"{"every":"soon","cache":1}"#, r#"{"every":-1,"cache":1}"#] {
            let error = serde_json::from_str::<Options>(text).unwrap_err();
            assert!(
                error.to_string().contains("`10m`") || error.to_string().contains("`30s`"),
                "{error}"
            );
        }
    }
}
