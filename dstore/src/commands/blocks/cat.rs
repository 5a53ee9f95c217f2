use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use datastore::{Copied, ErrorKind};
use datastore_blocks::{Blockstore, Cid};
use futures::TryStreamExt;
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid};
use crate::byte_range::ByteRange;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files::NewFile;
use crate::output;
use crate::progress::Progress;
use crate::store_arg::StoreArg;

/// Write a file that `add` or `ipfs add` made blocks of
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks cat fjall:data CID > photo.jpg
  dstore blocks cat fjall:data CID -o photo.jpg         the file is there whole or not at all
  dstore blocks cat fjall:data CID --range 1048576.. | head -c 100

Files of any size, in bounded memory; of a range, only the blocks that hold it are read. Every block is hashed.
Exit code 1 if a block is missing, 4 if one is damaged, 2 if it is a directory.")]
pub(super) struct Cat {
    /// URL of the store
    store: StoreArg,
    /// The CID of the file
    #[arg(value_parser = cid::parse)]
    cid: Cid,
    /// Where to write it, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only the bytes from A up to B, B excluded; either may be left out
    #[arg(long, value_name = "A..B")]
    range: Option<ByteRange>,
}

impl Cat {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cid, output, range } = self;
        let range = range.unwrap_or(ByteRange { offset: 0, len: u64::MAX });
        let output = output.filter(|path| path != Path::new("-"));
        if output.is_none() && context.out.is_json() {
            return Err(Failure::usage("a file is bytes, and not JSON")
                .hint("leave --json away, or say where the bytes go: -o FILE"));
        }
        let blocks = kept.open_to_read(&store, context).await?;
        let size = blocks.file_size(&cid).await.map_err(unreadable)?;
        let bytes = size.saturating_sub(range.offset).min(range.len);
        let Some(path) = output else {
            let progress = Progress::beside_output_up_to("reading", bytes);
            write(&blocks, &cid, range, &mut context.out, output::failed, progress).await?;
            return Ok(Exit::Done);
        };
        let mut file = NewFile::create(&path)?;
        let failed = |error| Failure::io("cannot write the file", error);
        let progress = Progress::up_to("reading", bytes);
        let written = write(&blocks, &cid, range, &mut file, failed, progress).await?;
        file.finish()?;
        if context.out.is_json() {
            context.out.object(&json!({ "cid": cid.to_string(), "size": written }))?;
        }
        Ok(Exit::Done)
    }
}

async fn write(
    blocks: &Blockstore,
    cid: &Cid,
    ByteRange { offset, len }: ByteRange,
    to: &mut (dyn Write + Send),
    failed: fn(std::io::Error) -> Failure,
    progress: Progress,
) -> Result<u64> {
    let mut sum = Copied::default();
    let mut parts = blocks.read_file_range(cid, offset, len);
    while let Some(part) = parts.try_next().await.map_err(unreadable)? {
        to.write_all(&part).map_err(failed)?;
        sum.entries += 1;
        sum.bytes += part.len() as u64;
        progress.set(sum);
    }
    Ok(sum.bytes)
}

fn unreadable(error: datastore::Error) -> Failure {
    let is_other = error.kind() == ErrorKind::Unsupported;
    let failure = Failure::from(error);
    if is_other {
        failure.hint("`dstore blocks dag ls` lists what a block links to")
    } else {
        failure
    }
}
