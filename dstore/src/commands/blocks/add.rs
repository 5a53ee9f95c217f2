use std::path::{Path, PathBuf};

use clap::Args;
use datastore::Copied;
use datastore_blocks::{AddOptions, Added, Blockstore, PinOptions, Pins, Policy};
use futures::TryStreamExt;
use serde_json::json;

use super::kept::Kept;
use super::{Context, pin};
use crate::byte_size::ByteSize;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::source::Source;
use crate::store_arg::StoreArg;

/// Store files as blocks, and print the CIDs that `ipfs add` prints
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks add fjall:data photo.jpg
  dstore blocks add fjall:data *.jpg                    a line each: CID, name
  dstore blocks add fjall:data video.mkv --cid-version 1
  tar c site | dstore blocks add fjall:data -

UnixFS in chunks of 256 KiB and a balanced tree of 174 links a node, as `ipfs add` does by default, of a file of \
any size in bounded memory: CIDv0, or with --cid-version 1 CIDv1 with raw leaves. Another --chunk-size gives \
another CID.
What was added is pinned, recursively, as `ipfs add` does, under the name of the file, up to 255 bytes of it; with \
--no-pin it goes with the next `dstore blocks gc`. It is durable when its CID is printed.")]
pub(super) struct Add {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// The files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The version of the CID
    #[arg(long, value_name = "V", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=1))]
    cid_version: u8,
    /// Where files are cut: bytes, or as in 1MiB
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(AddOptions::CHUNK_LEN))]
    chunk_size: ByteSize,
    /// Do not pin
    #[arg(long)]
    no_pin: bool,
    /// What you call the pins, rather than by the names of the files
    #[arg(long, conflicts_with = "no_pin", value_parser = pin::name)]
    name: Option<String>,
}

impl Add {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, files, cid_version, chunk_size: ByteSize(chunk), no_pin, name } = self;
        let options = if cid_version == 0 { AddOptions::v0() } else { AddOptions::v1() };
        let options = options.chunk_len(chunk);
        // Opened first: a file that is not there should not leave a new store behind.
        let sources = files.iter().map(|file| Source::open(file)).collect::<Result<Vec<_>>>()?;
        let blocks = kept.open(&store, Policy::new(), context).await?;
        let several = files.len() > 1;
        for (file, source) in files.iter().zip(sources) {
            // Until it is pinned, no collection takes what is stored.
            let hold = blocks.hold();
            let added = add(&blocks, file, source, options.clone()).await?;
            if !no_pin {
                pin_file(&blocks, file, &added, name.as_deref()).await?;
            }
            drop(hold);
            blocks.sync().await?;
            let (cid, size, file) = (added.cid, added.size, file.display());
            if context.out.is_json() {
                context.out.object(&json!({
                    "cid": cid.to_string(),
                    "file": file.to_string(),
                    "size": size,
                    "written": added.stored.written,
                    "present": added.stored.present,
                    "pinned": !no_pin,
                }))?;
            } else if several {
                context.out.line(format_args!("{cid}  {file}"))?;
            } else {
                context.out.line(cid)?;
            }
            context.out.flush()?;
        }
        Ok(Exit::Done)
    }
}

async fn add(
    blocks: &Blockstore,
    file: &Path,
    source: Source,
    options: AddOptions,
) -> Result<Added> {
    let broken = source.broken();
    let progress = match source.len() {
        Some(len) => Progress::beside_output_up_to("adding", len),
        None => Progress::beside_output("adding"),
    };
    let mut sum = Copied::default();
    let parts = source.on_thread()?.inspect_ok(move |part| {
        sum.entries += 1;
        sum.bytes += part.len() as u64;
        progress.set(sum);
    });
    blocks.add_file(parts, options).await.map_err(|error| {
        let mut failure = Failure::from(error);
        if broken.is() {
            failure.exit = Exit::BadData;
        }
        failure.during(format!("cannot add {}", file.display()))
    })
}

async fn pin_file(
    blocks: &Blockstore,
    file: &Path,
    added: &Added,
    name: Option<&str>,
) -> Result<()> {
    let name = name.map_or_else(|| name_of(file), str::to_owned);
    // What was just stored is there: no walk through it.
    let options = PinOptions::new().name(name).check(false);
    Ok(blocks.pins().pin_recursive(&added.cid, options).await?)
}

/// What a pin of a file is called: its name, as much of it as a pin may have. Where it is not UTF-8, it gets
/// longer by what stands for that.
fn name_of(file: &Path) -> String {
    let mut name = match file.file_name() {
        Some(name) if file != Path::new("-") => name.to_string_lossy().into_owned(),
        _ => String::new(),
    };
    let len = (0..=Pins::MAX_NAME_LEN).rev().find(|len| name.is_char_boundary(*len));
    name.truncate(len.unwrap_or_default());
    name
}
