use std::borrow::Cow;

use clap::Args;
use datastore_blocks::{
    Cid, DAG_PB, LongCid, PbLink, PbNode, Visit, WalkOptions, Walked, long_links,
};
use futures::TryStreamExt;
use serde_json::json;

use super::{Context, Kept, cid, codes};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::output::Output;
use crate::store_arg::StoreArg;

/// List what a block links to, or with --recursive all that is reached from it
#[derive(Args)]
#[command(after_help = "Examples:
  dstore blocks dag ls fjall:data CID                   the links of the block, in their order
  dstore blocks dag ls fjall:data CID --long            with sizes and names, where links have them
  dstore blocks dag ls fjall:data CID --recursive       the block and all below it, each block once
  dstore blocks dag ls fjall:data CID --recursive --depth 1 --long
  dstore blocks dag ls fjall:data CID --recursive --skip-missing --json

Codecs whose links are known: dag-pb, dag-cbor, dag-json; raw blocks have none. A walk lists a block before \
what it links; --long prints how many links lead there, and its size.
Exit code 1 at a missing block; with --skip-missing the walk goes on, marks each, and ends so.")]
pub(super) struct Ls {
    /// URL of the store
    store: StoreArg,
    /// The CID of the block
    #[arg(value_parser = cid::parse)]
    cid: Cid,
    /// All that is reached, the block itself first
    #[arg(long, short)]
    recursive: bool,
    /// No further than so many links away
    #[arg(long, value_name = "N", requires = "recursive")]
    depth: Option<u32>,
    /// Go on where a block is missing
    #[arg(long, requires = "recursive")]
    skip_missing: bool,
    /// With sizes, and names or depths
    #[arg(long, short)]
    long: bool,
}

impl Ls {
    pub(super) async fn run(self, kept: &Kept, context: &mut Context) -> Result<Exit> {
        let Self { store, cid, recursive, depth, skip_missing, long } = self;
        let blocks = kept.open_to_read(&store, context).await?;
        let out = &mut context.out;
        if !recursive {
            let data = blocks.get(&cid).await?.ok_or_else(|| cid::no_block(&cid))?;
            write_links(out, &cid, &data, long)?;
            return Ok(Exit::Done);
        }
        let sizes = long || out.is_json();
        let options = WalkOptions::new().skip_missing(skip_missing).read_leaves(sizes);
        let options = options.max_depth(depth.unwrap_or(u32::MAX));
        let mut walk = blocks.walk_with([cid], options);
        let mut missing = 0;
        while let Some(visit) = walk.try_next().await? {
            missing += u64::from(visit.block == Walked::Missing);
            write_visit(out, &visit, long)?;
        }
        if missing > 0 {
            let message = format!("missing: {}", human::blocks(missing));
            return Err(Failure::new(Exit::No, message));
        }
        Ok(Exit::Done)
    }
}

fn write_links(out: &mut Output, cid: &Cid, data: &[u8], long: bool) -> Result<()> {
    // Corrupt blocks and unknown codecs are told as everywhere.
    let all = long_links(cid, data)?;
    if cid.codec() == DAG_PB {
        let named = PbNode::decode_long(data)?.links;
        return named.iter().try_for_each(|PbLink { cid, name, tsize }| {
            write_link(out, cid, name.map(String::from_utf8_lossy), *tsize, long)
        });
    }
    all.iter().try_for_each(|link| write_link(out, link, None, None, long))
}

fn write_link(
    out: &mut Output,
    link: &LongCid,
    name: Option<Cow<'_, str>>,
    tsize: Option<u64>,
    long: bool,
) -> Result<()> {
    if out.is_json() {
        out.object(&json!({ "cid": link.to_string(), "name": name, "tsize": tsize }))
    } else if long {
        let size = tsize.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let name = name.unwrap_or_default();
        let line = format!("{size:>10}  {link}  {}", name.escape_debug());
        out.line(line.trim_end())
    } else {
        out.line(link)
    }
}

fn write_visit(out: &mut Output, visit: &Visit, long: bool) -> Result<()> {
    let Visit { cid, parent, depth, block, .. } = visit;
    let size = match block {
        Walked::Data(data) => Some(data.len()),
        Walked::Present | Walked::Missing => None,
    };
    let missing = *block == Walked::Missing;
    if out.is_json() {
        return out.object(&json!({
            "cid": cid.to_string(),
            "parent": parent.map(|parent| parent.to_string()),
            "depth": depth,
            "codec": codes::codec_name(cid.codec()),
            "size": size,
            "missing": missing,
        }));
    }
    let mark = if missing { "  missing" } else { "" };
    if long {
        let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        out.line(format_args!("{depth:>4} {size:>10}  {cid}{mark}"))
    } else {
        out.line(format_args!("{cid}{mark}"))
    }
}
