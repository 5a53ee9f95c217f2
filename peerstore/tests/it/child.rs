//! This test binary again, as a process that is killed.

use std::env;
use std::io::{self, Write};
use std::process::Command;

/// Runs the ignored test `name` alone, in a process of its own.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command
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
