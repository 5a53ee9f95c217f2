use datastore_blocks::{Cid, IDENTITY, LongCid, MAX_DIGEST_LEN, check_cid};

use crate::exit::Exit;
use crate::failure::Failure;

/// Reads a CID of either version, in any base.
pub(super) fn parse(text: &str) -> Result<Cid, String> {
    let cid = text.parse().map_err(|error| match text.parse::<LongCid>() {
        Ok(cid) if cid.hash().code() == IDENTITY => format!(
            "an identity CID of {} bytes, which holds its data itself; {MAX_DIGEST_LEN} at most can be named",
            cid.hash().size()
        ),
        _ => format!("not a CID, as `bafkrei…` and `Qm…` are: {error}"),
    })?;
    check_cid(&cid).map_err(|error| error.to_string())?;
    Ok(cid)
}

/// There is no block under it.
pub(super) fn no_block(cid: &Cid) -> Failure {
    Failure::new(Exit::No, format!("there is no block {cid}"))
}
