use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use datastore::ErrorKind;
use datastore_blocks::Cid;
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid};
use crate::byte_range::ByteRange;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output::Base64;
use crate::store_arg::StoreArg;

/// Write a block, byte for byte, to standard output or a file
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks get fjall:data CID -o block.bin         the file is there whole or not at all
  dstore blocks get fjall:data CID --range 0..16 | xxd
  dstore blocks get fjall:data CID --json               {\"cid\":…,\"size\":…,\"data\":BASE64}

A whole block is hashed, and one that is damaged is not written; a range is not.
Exit code 1 if there is no such block, 4 if it is damaged. Files, of many blocks: `dstore blocks cat`.")]
pub(super) struct Get {
    /// URL of the store
    store: StoreArg,
    /// The CID of the block
    #[arg(value_parser = cid::parse)]
    cid: Cid,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only the bytes from A up to B, B excluded; either may be left out
    #[arg(long, value_name = "A..B")]
    range: Option<ByteRange>,
}

impl Get {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cid, output, range } = self;
        let blocks = kept.open_to_read(&store, context).await?;
        let found = match range {
            None => blocks.get(&cid).await.map_err(unverified)?,
            Some(ByteRange { offset, len }) => blocks.get_range(&cid, offset, len).await?,
        };
        let data = found.ok_or_else(|| cid::no_block(&cid))?;
        let size = data.len();
        match output {
            Some(path) if path != Path::new("-") => {
                let mut file = NewFile::create(&path)?;
                file.write_all(&data).map_err(|error| {
                    Failure::io(format!("cannot write {}", path.display()), error)
                })?;
                file.finish()?;
                if context.out.is_json() {
                    context.out.object(&json!({ "cid": cid.to_string(), "size": size }))?;
                }
            }
            _ if context.out.is_json() => {
                let data = Base64(&data);
                context
                    .out
                    .object(&json!({ "cid": cid.to_string(), "size": size, "data": data }))?;
            }
            _ => context.out.bytes(&data)?,
        }
        Ok(Exit::Done)
    }
}

fn unverified(error: datastore::Error) -> Failure {
    let unknown_hash = error.kind() == ErrorKind::Unsupported;
    let failure = Failure::from(error);
    if unknown_hash { failure.hint("`--range 0..` writes it without hashing it") } else { failure }
}
