use std::fmt;
use std::io::{self, Write};

use serde_json::json;

use crate::failure::Result;
use crate::output::Output;

/// Names something that was left out, and why: to standard error, or among the lines of JSON.
pub(super) fn tell(out: &mut Output, of: impl fmt::Display, why: impl fmt::Display) -> Result<()> {
    if out.is_json() {
        return out.object(&json!({ "left_out": of.to_string(), "why": why.to_string() }));
    }
    complain(of, why);
    Ok(())
}

/// As [`tell`], where standard output is for something else.
pub(super) fn complain(of: impl fmt::Display, why: impl fmt::Display) {
    // What a peer said of itself is not to steer a terminal.
    let line: String = shortened(format!("left out: {of}: {why}"))
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    // Where standard error takes nothing, the totals say it alone.
    let _nobody = writeln!(io::stderr(), "{line}");
}

/// A line in which the middle is left out where it is long: a peer chooses how long its names are.
fn shortened(line: String) -> String {
    let end = line.char_indices().nth(BEGIN).map_or(line.len(), |(place, _)| place);
    let rest = line.char_indices().rev().nth(END - 1).map_or(0, |(place, _)| place);
    match (line.get(..end), line.get(end..rest), line.get(rest..)) {
        (Some(begin), Some(middle), Some(rest)) if !middle.is_empty() => {
            format!("{begin} … {} bytes … {rest}", middle.len())
        }
        _ => line,
    }
}

/// Characters of a long line that are shown, of its begin and its end.
const BEGIN: usize = 300;
const END: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_the_begin_and_the_end_are_shown() {
        let line = |len: usize| "ż".repeat(len);
        for len in [0, 1, BEGIN, BEGIN + END] {
            assert_eq!(shortened(line(len)), line(len));
        }
        let long = shortened(line(BEGIN + END + 1));
        assert_eq!(long, format!("{} … 2 bytes … {}", line(BEGIN), line(END)));
    }
}
