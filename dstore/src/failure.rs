use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Write};

use datastore::{Error, ErrorKind, Outcome};

use crate::exit::Exit;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command ended early: its exit code, and what to print.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Empty where there is nothing to say.
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Ends with this code and prints nothing.
    pub(crate) fn quiet(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// A file, or standard input or output, that failed.
    pub(crate) fn io(doing: impl fmt::Display, error: io::Error) -> Self {
        Self::new(Exit::BadData, doing.to_string()).caused_by(error.to_string())
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds what the user can do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says first what was being done when this happened.
    pub(crate) fn during(mut self, doing: impl Into<String>) -> Self {
        let message = std::mem::replace(&mut self.message, doing.into());
        self.causes.insert(0, message);
        self
    }

    /// Prints it to standard error, if there is anything to say.
    pub(crate) fn report(&self) {
        if !self.message.is_empty() {
            // Where standard error takes nothing, the exit code says it alone.
            let _nobody = io::stderr().write_all(self.to_string().as_bytes());
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            writeln!(f, "  because: {cause}")?;
        }
        for hint in &self.hints {
            writeln!(f, "  hint: {hint}")?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::NotFound => Exit::No,
            ErrorKind::InvalidKey | ErrorKind::InvalidInput | ErrorKind::Unsupported => Exit::Usage,
            ErrorKind::Conflict | ErrorKind::PartialCommit => Exit::Conflict,
            ErrorKind::PermissionDenied => Exit::Denied,
            ErrorKind::Corrupt | ErrorKind::Incompatible => Exit::Damaged,
            ErrorKind::Unavailable | ErrorKind::Closed => Exit::Unavailable,
            _ => Exit::Defect,
        };
        let mut failure = Self::new(exit, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            failure.causes.push(cause.to_string());
            source = cause.source();
        }
        if let Some(partial) = error.partial() {
            let keys: Vec<String> =
                partial.failed.iter().take(5).map(ToString::to_string).collect();
            failure = failure.caused_by(format!("not written: {}", keys.join(" ")));
        }
        if error.outcome() == Some(Outcome::Unknown) {
            failure = failure.hint("it may have happened all the same: look before you repeat it");
        }
        failure
    }
}
