use std::fmt;

use crate::Result;

/// Memory of this process, as the Linux kernel counts it.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// Bytes in memory now.
    pub now: u64,
    /// The most there ever were.
    pub peak: u64,
}

impl Resident {
    /// As it is now.
    ///
    /// # Errors
    /// Elsewhere than on Linux.
    pub fn now() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")
            .map_err(|error| format!("/proc/self/status, which Linux has: {error}"))?;
        let field = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
            Ok(kib.ok_or_else(|| format!("no {name} in /proc/self/status"))?.parse::<u64>()? << 10)
        };
        Ok(Self { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}

impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resident {}, at most {}", mib(self.now), mib(self.peak))
    }
}

/// A size, for a person.
pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
