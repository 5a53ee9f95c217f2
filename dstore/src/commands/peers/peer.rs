use datastore_blocks::Cid;
use libp2p_identity::PeerId;

/// A peer id in one of its two text forms, as an argument.
pub(super) fn parse(text: &str) -> Result<PeerId, String> {
    if let Ok(peer) = text.parse() {
        return Ok(peer);
    }
    let cid = text.parse::<Cid>().ok().filter(|cid| cid.codec() == LIBP2P_KEY);
    cid.and_then(|cid| PeerId::from_bytes(&cid.hash().to_bytes()).ok())
        .ok_or_else(|| "not a peer id, as 12D3KooW…, Qm… or bafz…".to_owned())
}

/// The codec of a CID that is a peer id.
const LIBP2P_KEY: u64 = 0x72;

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_text_forms_are_one_peer() {
        // The example of the specification of peer ids.
        let base58 = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        let cid = "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe";
        assert_eq!(parse(base58), parse(cid));
        assert_eq!(parse(cid).unwrap().to_string(), base58);
        let raw = "bafkreie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe";
        for text in ["", "peer", raw] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
