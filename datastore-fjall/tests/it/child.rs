//! This test binary again, as a process that is killed, traced, or put on a small disk.
//!
//! A child is a test that is ignored, and does nothing unless it was told what to do.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};

/// Program and arguments that run the ignored test `name` alone.
pub(crate) fn command_line(name: &str) -> Vec<OsString> {
    let mut line = vec![env::current_exe().unwrap().into_os_string()];
    line.extend(
        [name, "--exact", "--ignored", "--nocapture", "--test-threads=1"].map(OsString::from),
    );
    line
}

/// What the parent told this process in a variable; `None` in any other process.
pub(crate) fn told(variable: &str) -> Option<String> {
    let told = env::var(variable).ok()?;
    // The harness has begun a line.
    say("");
    Some(told)
}

/// Tells the parent a line, in one write.
pub(crate) fn say(line: &str) {
    io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}
