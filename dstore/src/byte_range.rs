use std::str::FromStr;

/// A part of a value: `A..B`, `A..`, `..B`.
#[derive(Clone, Copy)]
pub(crate) struct ByteRange {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl FromStr for ByteRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || "write A..B, A.. or ..B: two numbers of bytes, the first not greater".to_owned();
        let number = |text: &str, default| match text {
            "" => Ok(default),
            digits => digits.parse::<u64>().map_err(|_| bad()),
        };
        let (start, end) = text.split_once("..").ok_or_else(bad)?;
        let (offset, end) = (number(start, 0)?, number(end, u64::MAX)?);
        let len = end.checked_sub(offset).ok_or_else(bad)?;
        Ok(Self { offset, len })
    }
}
