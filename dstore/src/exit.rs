use std::process::ExitCode;

/// How `dstore` ends; [`HELP`] is the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    No = 1,
    Usage = 2,
    Conflict = 3,
    Damaged = 4,
    Unavailable = 5,
    BadData = 6,
    Defect = 7,
    Denied = 8,
    Interrupted = 130,
    Terminated = 143,
}

pub(crate) const HELP: &str = "Exit codes:
    0  done; also where the reader of the output went away
    1  the answer is no: no value, no such block, a conformance case failed
    2  the call is wrong: arguments, URL, key, or what this store does not do
    3  a condition does not hold, a block is pinned, or a batch landed in part
    4  damaged or incompatible data; a copy that differs from its source
    5  the store cannot be used now: not there, in use, full, unreachable
    6  a file or the input cannot be read or written, or is not what it should be
    7  a defect of the store or of dstore
    8  permission denied: other credentials, or other rights, are needed
  130  Ctrl-C, and 143 SIGTERM: the store was closed; each batch is there whole or not at all";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
