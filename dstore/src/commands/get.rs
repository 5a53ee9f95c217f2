use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use datastore::{Datastore, Found, Key, Want};
use serde_json::json;

use super::Context;
use crate::byte_range::ByteRange;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output::Base64;
use crate::store_arg::StoreArg;

/// Write the value of a key, byte for byte, to standard output or a file
#[derive(Args)]
#[command(after_help = "Examples:
  dstore get fjall:data /greeting
  dstore get fjall:data /blocks/x -o block.bin        the file is there whole or not at all
  dstore get fjall:data /blocks/x --range 0..16 | xxd
  dstore get fjall:data /blocks/x --json              {\"key\":…,\"size\":…,\"value\":BASE64}
Exit code 1 if the key has no value.")]
pub(crate) struct Get {
    /// URL of the store
    store: StoreArg,
    /// The key, as text
    key: Key,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only the bytes from A up to B, B excluded; either may be left out
    #[arg(long, value_name = "A..B")]
    range: Option<ByteRange>,
}

impl Get {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, key, output, range } = self;
        let store = context.stores.open_to_read(&store).await?;
        let want =
            range.map_or(Want::Value, |ByteRange { offset, len }| Want::Range { offset, len });
        let Some(found) = store.read(&key, want).await? else {
            return Err(Failure::new(Exit::No, format!("{key} has no value")));
        };
        let size = found.size();
        let value = Found::into_value(found).unwrap_or_default();
        match output {
            Some(path) if path != Path::new("-") => {
                let mut file = NewFile::create(&path)?;
                file.write_all(&value).map_err(|error| {
                    Failure::io(format!("cannot write {}", path.display()), error)
                })?;
                file.finish()?;
                if context.out.is_json() {
                    context.out.object(&json!({ "key": key, "size": size }))?;
                }
            }
            _ if context.out.is_json() => {
                let value = Base64(&value);
                context.out.object(&json!({ "key": key, "size": size, "value": value }))?;
            }
            _ => context.out.bytes(&value)?,
        }
        Ok(Exit::Done)
    }
}
