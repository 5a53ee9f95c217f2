//! A file system of a few MiB for a process, where the machine allows it.
//!
//! It is mounted in a mount namespace of the process, and so gone when that ends, however it ends.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// How processes come by a mount namespace here.
pub(crate) struct SmallDisk {
    unshare: &'static [&'static str],
}

impl SmallDisk {
    /// Finds a way, or says what speaks against all of them.
    pub(crate) fn find() -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        let mut reasons = Vec::new();
        // As root, or as root of a user namespace.
        for unshare in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
            let way = Self { unshare };
            match way.command(directory.path(), 1 << 20, &["true".into()]).output() {
                Ok(output) if output.status.success() => return Ok(way),
                Ok(output) => {
                    reasons.push(String::from_utf8_lossy(&output.stderr).trim().to_owned());
                }
                Err(error) => reasons.push(format!("unshare cannot be run: {error}")),
            }
        }
        Err(reasons.join("; "))
    }

    /// Runs a program with a file system of so many bytes on `directory`.
    pub(crate) fn command(&self, directory: &Path, bytes: u64, line: &[OsString]) -> Command {
        let script = r#"mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(self.unshare).args(["--", "sh", "-c", script].map(OsStr::new));
        command.arg(directory).arg(bytes.to_string()).args(line);
        command
    }
}
