use std::fmt;
use std::io::{self, BufWriter, Stdout, Write};

use data_encoding::BASE64;
use serde::{Serialize, Serializer};

use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// Standard output, buffered, as text or as JSON. Where the reader went away (`| head -1`), the command
/// ends quietly.
pub(crate) struct Output {
    to: BufWriter<Stdout>,
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { to: BufWriter::with_capacity(64 << 10, io::stdout()), json }
    }

    /// Whether the answer is to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes one line of text.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Result<()> {
        writeln!(self.to, "{text}").map_err(failed)
    }

    /// Writes one JSON object, on one line.
    pub(crate) fn object(&mut self, object: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.to, object).map_err(|error| failed(error.into()))?;
        self.to.write_all(b"\n").map_err(failed)
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.to.write_all(bytes).map_err(failed)
    }

    /// Hands on what is buffered.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(failed)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The failure of writing to standard output; of a reader that went away there is nothing to say.
pub(crate) fn failed(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::quiet(Exit::Done)
    } else {
        Failure::io("cannot write to standard output", error)
    }
}

/// Bytes in JSON: base64, so that any bytes work.
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&BASE64.encode_display(self.0))
    }
}
