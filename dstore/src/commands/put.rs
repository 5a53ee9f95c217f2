use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use datastore::{Batch, Datastore, Key};
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::store_arg::StoreArg;

/// Set the value of a key, from an argument, a file or standard input
#[derive(Args)]
#[command(after_help = "Examples:
  dstore put fjall:data /greeting --value hello
  dstore put fjall:data /blocks/x --file block.bin
  curl -s https://example.com | dstore put fjall:data /pages/example
  dstore put fjall:data /lock --value me --if-absent     exit code 3 if it is there")]
pub(crate) struct Put {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// The key, as text
    key: Key,
    /// `-`: the value is standard input, as it is if nothing else is said
    #[arg(value_parser = ["-"], value_name = "-", conflicts_with_all = ["value", "file"])]
    stdin: Option<String>,
    /// The value, as text
    #[arg(long, short, conflicts_with = "file", allow_hyphen_values = true)]
    value: Option<String>,
    /// The value is what this file holds; `-` is standard input
    #[arg(long, short)]
    file: Option<PathBuf>,
    /// Only if the key has no value yet
    #[arg(long)]
    if_absent: bool,
    /// Return once it survives a loss of power, where the store can
    #[arg(long)]
    sync: bool,
}

impl Put {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, key, stdin, value, file, if_absent, sync } = self;
        let url = store.url()?;
        // Read first: a file that is not there should not leave a new store behind.
        let value = match (value, file) {
            (Some(text), _) => Bytes::from(text),
            (None, Some(path)) => read(&path)?,
            (None, None) if stdin.is_none() && io::stdin().is_terminal() => {
                return Err(Failure::usage("there is no value").hint(
                    "write it behind --value, name a file with --file, or pipe it in; \
                     `-` reads what you type, up to Ctrl-D",
                ));
            }
            (None, None) => read(Path::new("-"))?,
        };
        let size = value.len();
        let mut batch = Batch::new().put(key.clone(), value);
        if if_absent {
            batch = batch.absent(key.clone());
        }
        if sync {
            batch = batch.synced();
        }
        context.stores.open_url(&url).await?.commit(batch).await?;
        if context.out.is_json() {
            context.out.object(&json!({ "key": key, "size": size }))?;
        }
        Ok(Exit::Done)
    }
}

fn read(path: &Path) -> Result<Bytes> {
    files::read(path, MOST_BYTES)?.ok_or_else(|| {
        Failure::usage(format!("{} has more than 1 GiB", path.display()))
            .hint("a value is held in memory whole: store it in pieces")
    })
}

/// Endless input ends here, rather than with the memory of the machine.
const MOST_BYTES: u64 = 1 << 30;
