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
    let line: String = format!("left out: {of}: {why}")
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    // Where standard error takes nothing, the totals say it alone.
    let _nobody = writeln!(io::stderr(), "{line}");
}
