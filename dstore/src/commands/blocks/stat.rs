use std::error::Error as _;

use clap::Args;
use datastore::ErrorKind;
use datastore_blocks::{Cid, PinnedBy};
use serde_json::json;

use super::kept::Kept;
use super::{Context, cid, codes};
use crate::exit::Exit;
use crate::failure::Result;
use crate::human;
use crate::store_arg::StoreArg;

/// Print the size of a block, what its CID says, and whether it is pinned
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks stat fjall:data CID
  dstore blocks stat fjall:data CID --json    {\"cid\",\"size\",\"codec\",\"hash\",\"pinned\",\"through\"}

A block that is not pinned itself is looked for below every recursive pin: that may take a while. Where one of \
them cannot be walked to its end and no other keeps the block, it is `unknown` whether it is pinned: a warning \
names the pin.
Exit code 1 if there is no such block.")]
pub(super) struct Stat {
    /// URL of the store
    store: StoreArg,
    /// The CID of the block
    #[arg(value_parser = cid::parse)]
    cid: Cid,
}

impl Stat {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cid } = self;
        let blocks = kept.open_to_read(&store, context).await?;
        let size = blocks.size(&cid).await?.ok_or_else(|| cid::no_block(&cid))?;
        let (mode, through) = match blocks.pins().pinned_by(&cid).await {
            Ok(None) => (None, None),
            Ok(Some(PinnedBy::Recursive)) => (Some("recursive"), None),
            Ok(Some(PinnedBy::Direct)) => (Some("direct"), None),
            Ok(Some(PinnedBy::Indirect(root))) => (Some("indirect"), Some(root.to_string())),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
                let because = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(because, "it is not known whether the block is pinned: {error}");
                (Some("unknown"), None)
            }
            Err(error) => return Err(error.into()),
        };
        let codec = codes::codec_name(cid.codec());
        let hash = codes::hash_name(cid.hash().code());
        let out = &mut context.out;
        if out.is_json() {
            out.object(&json!({
                "cid": cid.to_string(),
                "size": size,
                "codec": codec,
                "hash": hash,
                "pinned": mode,
                "through": through,
            }))?;
            return Ok(Exit::Done);
        }
        out.line(cid)?;
        out.line(format_args!("  size    {} B", human::count(size)))?;
        out.line(format_args!("  codec   {codec}"))?;
        out.line(format_args!("  hash    {hash}, {} bytes", cid.hash().digest().len()))?;
        match (mode, through) {
            (Some(_), Some(root)) => out.line(format_args!("  pinned  through {root}"))?,
            (mode, _) => out.line(format_args!("  pinned  {}", mode.unwrap_or("no")))?,
        }
        Ok(Exit::Done)
    }
}
