//! Runs the binary.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory to run in, with a store in it that is named `fjall:` and [`Place::STORE`].
pub(crate) struct Place(TempDir);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Place {
    pub(crate) const STORE: &str = "fjall:store";

    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dstore"));
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Runs it with this on standard input.
    pub(crate) fn feed<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Run {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may have ended before it read all.
        drop(child.stdin.take().unwrap().write_all(input));
        Run::of(child.wait_with_output().unwrap())
    }

    /// Runs it where it must succeed, and answers what it printed.
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        self.run(args).ok().text()
    }

    /// Puts a value.
    pub(crate) fn put(&self, key: &str, value: &str) {
        self.ok(["put", Self::STORE, key, "--value", value]);
    }

    /// The keys that are there, as printed.
    pub(crate) fn keys(&self, url: &str) -> Vec<String> {
        self.ok(["ls", url]).lines().map(str::to_owned).collect()
    }

    /// Names of the files and directories in the place.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The files of the store.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.path("store")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// An import that has not seen the end of its input yet.
    pub(crate) fn begin_import(&self, url: &str) -> Import {
        Import::begin(self.command(Import::args(url)))
    }
}

/// A running import, which says what it has committed.
pub(crate) struct Import {
    pub(crate) child: Child,
    pub(crate) input: ChildStdin,
    pub(crate) output: BufReader<ChildStdout>,
}

impl Import {
    pub(crate) fn args(url: &str) -> [&str; 5] {
        ["import", url, "--json", "--batch", "1"]
    }

    pub(crate) fn begin(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output) }
    }

    pub(crate) fn feed(&mut self, input: impl AsRef<[u8]>) {
        self.input.write_all(input.as_ref()).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits until it has acknowledged so many entries.
    pub(crate) fn wait_for(&mut self, committed: u64) {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it ended early");
            if json(&line)["committed"].as_u64().unwrap() >= committed {
                return;
            }
        }
    }
}

impl Run {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let err = String::from_utf8(output.stderr).unwrap();
        Self { code: output.status.code(), out: output.stdout, err }
    }

    /// It succeeded, and had nothing to complain about.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// It ended with this code and a message that says each of these.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.starts_with("error: "), "{self:?}");
        for what in says {
            assert!(self.err.contains(what), "{what:?} is not in: {}", self.err);
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// The objects that it printed, one a line.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.text().lines().map(json).collect()
    }
}

/// Sends a signal by its name.
pub(crate) fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
}

pub(crate) fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What go and js say of blocks and CAR files: `go/small.car`.
pub(crate) fn fixture_of_blocks(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../blockstore/tests/fixtures").join(name)
}

/// What go, js and py have of peers, and what they answer: `go/pstoreds.json`.
pub(crate) fn fixture_of_peers(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../peerstore/tests/fixtures").join(name)
}
