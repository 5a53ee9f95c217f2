//! The hash functions of multihashes: codes of the multicodec table, and their digests.

use sha2::Digest;
use shake::{ExtendableOutput, Shake128, Shake256, Update};

/// SHA2-256, the hash of almost every block.
pub const SHA2_256: u64 = 0x12;

/// The identity: the digest is the data.
pub const IDENTITY: u64 = 0x00;

/// The longest digest that a [`Cid`](crate::Cid) holds, in bytes.
pub const MAX_DIGEST_LEN: usize = 64;

/// A digest of [`MAX_DIGEST_LEN`] bytes at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    bytes: [u8; MAX_DIGEST_LEN],
    len: usize,
}

impl Sum {
    fn of(digest: &[u8]) -> Self {
        let mut bytes = [0; MAX_DIGEST_LEN];
        let len = digest.len().min(MAX_DIGEST_LEN);
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { bytes, len }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The whole digest of `data` under the function that `code` names, or `None` if it is none of
/// [`functions`].
pub(crate) fn digest(code: u64, data: &[u8]) -> Option<Sum> {
    Some(match code {
        0x11 => Sum::of(&sha1::Sha1::digest(data)),
        SHA2_256 => Sum::of(&sha2::Sha256::digest(data)),
        0x13 => Sum::of(&sha2::Sha512::digest(data)),
        0x14 => Sum::of(&sha3::Sha3_512::digest(data)),
        0x15 => Sum::of(&sha3::Sha3_384::digest(data)),
        0x16 => Sum::of(&sha3::Sha3_256::digest(data)),
        0x17 => Sum::of(&sha3::Sha3_224::digest(data)),
        0x18 => shake::<Shake128>(data),
        0x19 => shake::<Shake256>(data),
        0x1a => Sum::of(&sha3::Keccak224::digest(data)),
        0x1b => Sum::of(&sha3::Keccak256::digest(data)),
        0x1c => Sum::of(&sha3::Keccak384::digest(data)),
        0x1d => Sum::of(&sha3::Keccak512::digest(data)),
        0x1e => {
            let mut out = [0; MAX_DIGEST_LEN];
            blake3::Hasher::new().update(data).finalize_xof().fill(&mut out);
            Sum { bytes: out, len: out.len() }
        }
        0x20 => Sum::of(&sha2::Sha384::digest(data)),
        0x56 => Sum::of(&sha2::Sha256::digest(sha2::Sha256::digest(data))),
        0x1013 => Sum::of(&sha2::Sha224::digest(data)),
        0x1014 => Sum::of(&sha2::Sha512_224::digest(data)),
        0x1015 => Sum::of(&sha2::Sha512_256::digest(data)),
        0xb201..=0xb240 => {
            let len = (code - 0xb200) as usize;
            Sum::of(blake2b_simd::Params::new().hash_length(len).hash(data).as_bytes())
        }
        0xb241..=0xb260 => {
            let len = (code - 0xb240) as usize;
            Sum::of(blake2s_simd::Params::new().hash_length(len).hash(data).as_bytes())
        }
        _ => return None,
    })
}

fn shake<H: ExtendableOutput + Update + Default>(data: &[u8]) -> Sum {
    let (mut hasher, mut bytes) = (H::default(), [0; MAX_DIGEST_LEN]);
    hasher.update(data);
    hasher.finalize_xof_into(&mut bytes);
    Sum { bytes, len: bytes.len() }
}

/// The length of digests that a function makes where nobody asks for another, in bytes.
pub(crate) fn usual_len(code: u64) -> Option<usize> {
    match code {
        // Of arbitrary length, and by convention of 32 bytes; SHAKE-256 of 64.
        0x18 | 0x1e => Some(32),
        _ => digest(code, b"").map(|sum| sum.len),
    }
}

/// The codes that this crate computes digests for, the identity not among them.
pub(crate) fn functions() -> impl Iterator<Item = u64> {
    [0x11, SHA2_256, 0x13, 0x20, 0x56, 0x1013, 0x1014, 0x1015]
        .into_iter()
        .chain(0x14..=0x19)
        .chain(0x1a..=0x1e)
        .chain(0xb201..=0xb260)
}
