//! Names of the multicodec table.

/// A codec or a hash function: by its name, or by its number, `0x…`.
pub(super) fn codec(text: &str) -> Result<u64, String> {
    code(text, CODECS)
}

/// As [`codec`], of hash functions.
pub(super) fn hash(text: &str) -> Result<u64, String> {
    code(text, HASHES)
}

/// What people call a codec.
pub(super) fn codec_name(code: u64) -> String {
    name(code, CODECS)
}

/// What people call a hash function.
pub(super) fn hash_name(code: u64) -> String {
    name(code, HASHES)
}

type Names = &'static [(&'static str, u64)];

const CODECS: Names = &[
    ("raw", 0x55),
    ("dag-pb", 0x70),
    ("dag-cbor", 0x71),
    ("dag-json", 0x0129),
    ("cbor", 0x51),
    ("json", 0x0200),
    ("libp2p-key", 0x72),
    ("git-raw", 0x78),
];

const HASHES: Names = &[
    ("sha2-256", 0x12),
    ("sha2-512", 0x13),
    ("blake3", 0x1e),
    ("blake2b-256", 0xb220),
    ("blake2b-512", 0xb240),
    ("blake2s-256", 0xb260),
    ("sha1", 0x11),
    ("sha2-384", 0x20),
    ("sha3-224", 0x17),
    ("sha3-256", 0x16),
    ("sha3-384", 0x15),
    ("sha3-512", 0x14),
    ("shake-128", 0x18),
    ("shake-256", 0x19),
    ("keccak-256", 0x1b),
    ("keccak-512", 0x1d),
    ("dbl-sha2-256", 0x56),
    ("identity", 0x00),
];

fn code(text: &str, names: Names) -> Result<u64, String> {
    if let Some((_, code)) = names.iter().find(|(name, _)| *name == text) {
        return Ok(*code);
    }
    let digits = text.strip_prefix("0x");
    let code = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    // There are no larger ones in a CID.
    code.filter(|code| *code < 1 << 63).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("write a number less than 2^63, 0x…, or one of {}", names.join(", "))
    })
}

fn name(code: u64, names: Names) -> String {
    let found = names.iter().find(|(_, known)| *known == code);
    found.map_or_else(|| format!("{code:#x}"), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_by_the_name_that_it_is_called() {
        for (name, code) in CODECS.iter() {
            assert_eq!((codec(name), codec_name(*code)), (Ok(*code), (*name).to_owned()));
        }
        for (name, code) in HASHES.iter() {
            assert_eq!((hash(name), hash_name(*code)), (Ok(*code), (*name).to_owned()));
        }
        assert_eq!((codec("0x300"), codec_name(0x300)), (Ok(0x300), "0x300".to_owned()));
        assert_eq!(codec("0x7fffffffffffffff"), Ok((1 << 63) - 1));
        assert!(codec("0x8000000000000000").unwrap_err().contains("less than 2^63"));
        assert!(codec("0xyz").unwrap_err().contains("dag-cbor"));
    }
}
