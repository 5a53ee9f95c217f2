use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time: `90s`, `30m`, `1h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// The longest first, as they are written.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(*name)?, *unit)));
        let seconds = split.and_then(|(digits, unit)| {
            let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?;
            number.parse::<u64>().ok()?.checked_mul(unit)
        });
        match seconds {
            Some(seconds) if seconds > 0 => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("write a number and its unit, as 90s, 30m, 1h or 7d".to_owned()),
        }
    }
}

/// In the largest unit of which there are two, rounded down; `1 s` for what is less.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs().max(1);
        let (name, unit) =
            UNITS.into_iter().find(|(_, unit)| seconds / unit >= 2).unwrap_or(('s', 1));
        write!(f, "{} {name}", seconds / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Span};

    #[test]
    fn spans_are_read_with_their_unit() {
        for (text, seconds) in
            [("1s", 1), ("90s", 90), ("30m", 1_800), ("1h", 3_600), ("7d", 604_800)]
        {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))));
        }
        for text in
            ["", "0s", "s", "60", "-1s", "+1s", "1.5h", "1 h", "1y", "99999999999999999999d"]
        {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_in_a_unit_that_says_something() {
        for (seconds, text) in
            [(0, "1 s"), (1, "1 s"), (119, "119 s"), (120, "2 m"), (7_199, "119 m")]
        {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
        assert_eq!(Span(Duration::from_secs(7_200)).to_string(), "2 h");
        assert_eq!(Span(Duration::from_secs(400 * 86_400)).to_string(), "400 d");
    }
}
