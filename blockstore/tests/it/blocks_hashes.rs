//! Digests against vectors that others computed (`fixtures/README.md`).

use data_encoding::HEXLOWER;
use datastore::ErrorKind;
use datastore_blocks::{Block, Cid, Multihash, RAW};

use crate::blocks_support::{fixture, hex};

fn code(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

#[test]
fn digests_are_those_of_other_implementations() {
    let vectors = fixture("hashes.json");
    let mut checked = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let input = hex(&vector["input"]);
        for (function, digest) in vector["digests"].as_object().unwrap() {
            let block = Block::with_hash(RAW, code(function), input.clone()).unwrap();
            let found = HEXLOWER.encode(block.cid().hash().digest());
            assert_eq!(found, digest.as_str().unwrap(), "{function} of {} bytes", input.len());
            block.verify().unwrap();
            checked += 1;
        }
    }
    assert_eq!(checked, 3 * 114);
}

/// The official vectors of BLAKE3: bytes 0, 1, … 250, 0, 1, … of that length.
#[test]
fn blake3_is_that_of_its_vectors_at_every_length_of_digest() {
    for (len, digest) in [
        (
            0,
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262e00f03e7b69af26b7faaf09fcd333050338ddfe085b8cc869ca98b206c08243a",
        ),
        (
            1,
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213c3a6cb8bf623e20cdb535f8d1a5ffb86342d9c0b64aca3bce1d31f60adfa137b",
        ),
        (
            1024,
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af71cf8107265ecdaf8505b95d8fcec83a98a6a96ea5109d2c179c47a387ffbb404",
        ),
    ] {
        let input: Vec<u8> = (0..=250_u8).cycle().take(len).collect();
        let digest = HEXLOWER.decode(digest.as_bytes()).unwrap();
        for bytes in 1..=64 {
            let hash = Multihash::wrap(0x1e, &digest[..bytes]).unwrap();
            Block::unverified(Cid::new_v1(RAW, hash), input.clone()).verify().unwrap();
        }
        let usual = Block::with_hash(RAW, 0x1e, input).unwrap();
        assert_eq!(usual.cid().hash().digest(), &digest[..32]);
    }
}

#[test]
fn digests_that_are_cut_verify_and_those_that_are_too_long_do_not() {
    let vectors = fixture("hashes.json");
    let vector = &vectors["vectors"][1];
    for (function, digest) in vector["digests"].as_object().unwrap() {
        let (code, digest) = (code(function), hex(digest));
        for bytes in 1..=digest.len() {
            let verify = |digest: &[u8]| {
                let hash = Multihash::wrap(code, digest).unwrap();
                Block::unverified(Cid::new_v1(RAW, hash), "abc").verify()
            };
            verify(&digest[..bytes]).unwrap();
            let mut other = digest[..bytes].to_vec();
            other[bytes - 1] ^= 1;
            let error = verify(&other).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{function} cut to {bytes}");
            assert!(error.to_string().contains(&HEXLOWER.encode(&other)), "{error}");
            assert!(error.to_string().contains(&HEXLOWER.encode(&digest[..bytes])), "{error}");
        }
        // BLAKE3 and SHAKE go on as long as anybody asks.
        if digest.len() < 64 && ![0x18, 0x1e].contains(&code) {
            for wrong in [[&digest[..], &[0]].concat(), Vec::new()] {
                let wrong = Multihash::wrap(code, &wrong).unwrap();
                let block = Block::unverified(Cid::new_v1(RAW, wrong), "abc");
                let error = block.verify().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{function}");
                // The whole digest that was found, and its CID.
                let found = Cid::new_v1(RAW, Multihash::wrap(code, &digest).unwrap());
                let found = format!("has the digest {} ({found}), not ", HEXLOWER.encode(&digest));
                assert!(error.to_string().contains(&found), "{error}");
            }
        }
    }
}

#[test]
fn functions_that_are_not_computed_here_are_unsupported() {
    // Murmur3, MD5, BLAKE2b of no length, SHA3 next door, Filecoin's padded pieces, which are no plain
    // SHA2-256 (nor SHA2-512/224), and none at all.
    for code in [0x22, 0xd5, 0xb200, 0xb261, 0x1f, 0x57, 0x1012, u64::MAX] {
        let error = Block::with_hash(RAW, code, "abc").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{code:#x}");
        let hash = Multihash::wrap(code, &[7; 32]).unwrap();
        let error = Block::unverified(Cid::new_v1(RAW, hash), "abc").verify().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{code:#x}");
        assert!(error.to_string().contains(&format!("{code:#x}")), "{error}");
    }
}
