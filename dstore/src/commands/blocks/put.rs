use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use datastore::ErrorKind;
use datastore_blocks::{Block, Cid, DAG_PB, Policy, RAW, SHA2_256, links};
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid, codes};
use crate::byte_size::ByteSize;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;
use crate::{files, human};

/// Store a block, from a file or standard input, and print its CID
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks put fjall:data block.bin
  echo -n hello | dstore blocks put fjall:data -
  dstore blocks put fjall:data node.cbor --codec dag-cbor --hash blake3
  dstore blocks put fjall:data block.bin --cid CID      refused if the digest is another

The block is durable when its CID is printed. One that is there already is not written again. Files of any \
size: `dstore blocks add`.")]
pub(super) struct Put {
    /// URL of the store; created if it is not there
    store: StoreArg,
    /// What to read; standard input if it is `-` or left out
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What the block holds: raw, dag-pb, dag-cbor, dag-json, … or a number, 0x… [default: raw]
    #[arg(long, value_name = "NAME", value_parser = codes::codec)]
    codec: Option<u64>,
    /// The hash function: sha2-256, blake3, … or a number, 0x…
    #[arg(long, value_name = "NAME", value_parser = codes::hash, default_value = "sha2-256")]
    hash: u64,
    /// The version of the CID; 0 is for dag-pb and sha2-256 alone
    #[arg(long, value_name = "V", value_parser = clap::value_parser!(u8).range(0..=1), default_value_t = 1)]
    cid_version: u8,
    /// The CID that it has to have
    #[arg(long, value_name = "CID", value_parser = cid::parse, conflicts_with_all = ["codec", "hash", "cid_version"])]
    cid: Option<Cid>,
    /// The largest block that is taken: bytes, or as in 4MiB
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(Policy::MAX_BLOCK_LEN))]
    max_block: ByteSize,
}

impl Put {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, file, codec, hash, cid_version, cid, max_block: ByteSize(most) } = self;
        // Read first: a file that is not there should not leave a new store behind.
        let data = read(&file, most)?;
        let block = match cid {
            Some(cid) => verified(cid, data)?,
            None => made(codec, hash, cid_version, data)?,
        };
        let policy = Policy::new().max_block_len(most);
        policy.check(block.cid(), block.data().len())?;

        let (cid, size) = (*block.cid(), block.data().len());
        let blocks = kept.open(&store, policy, context).await?;
        let stored = blocks.put(block).await?;
        blocks.sync().await?;
        if context.out.is_json() {
            let written = stored.written > 0;
            context
                .out
                .object(&json!({ "cid": cid.to_string(), "size": size, "written": written }))?;
        } else {
            context.out.line(cid)?;
        }
        Ok(Exit::Done)
    }
}

fn read(file: &Path, most: usize) -> Result<Bytes> {
    files::read(file, most as u64)?.ok_or_else(|| {
        let (file, most) = (file.display(), human::bytes(most as u64));
        Failure::usage(format!("{file} has more than {most}, the largest block that is taken"))
            .hint("`dstore blocks add` cuts files into blocks; peers take none of more than 2 MiB")
    })
}

/// A block that came with its CID.
fn verified(cid: Cid, data: Bytes) -> Result<Block> {
    let block = Block::unverified(cid, data);
    block.verify().map_err(bad)?;
    Ok(block)
}

/// A block whose CID is not known yet. Data that is not of its codec would be found out by who follows its
/// links, too late.
fn made(codec: Option<u64>, hash: u64, version: u8, data: Bytes) -> Result<Block> {
    let block = match version {
        0 => v0(codec, hash, data)?,
        _ => Block::with_hash(codec.unwrap_or(RAW), hash, data)?,
    };
    match links(block.cid(), block.data()) {
        Ok(_) => Ok(block),
        // A codec whose links nobody knows here is still a codec.
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(block),
        Err(error) => {
            let away = match (codec, version) {
                (Some(_), 0) => "--codec and --cid-version",
                (_, 0) => "--cid-version, since version 0 is of dag-pb",
                _ => "--codec",
            };
            let hint = format!("bytes of no format are of the codec raw: leave away {away}");
            Err(bad(error).hint(hint))
        }
    }
}

fn v0(codec: Option<u64>, hash: u64, data: Bytes) -> Result<Block> {
    if codec.is_some_and(|codec| codec != DAG_PB) || hash != SHA2_256 {
        return Err(Failure::usage("a CIDv0 is of dag-pb and sha2-256 alone")
            .hint("leave --codec and --hash away, or --cid-version"));
    }
    let (cid, data) = Block::with_hash(DAG_PB, SHA2_256, data)?.into_parts();
    Ok(Block::unverified(Cid::new_v0(*cid.hash()).unwrap_or(cid), data))
}

/// The data is not what its CID says.
fn bad(error: datastore::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::Corrupt => {
            Failure::new(Exit::BadData, error.to_string())
        }
        _ => error.into(),
    }
}
