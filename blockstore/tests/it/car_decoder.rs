//! The decoder on files that nobody wrote.

use datastore_blocks::{
    Block, CarDecoder, CarEvent, CarFault, CarOptions, IDENTITY, LongCid, Multihash, Policy, RAW,
};
use proptest::prelude::*;

use crate::car_support::{
    blocks_of_sizes, car_of, car_with_root, decode, decode_in, fixture, identity_section, section,
    uvarint,
};

/// A header without roots.
const HEADER: &[u8] = b"\x11\xa2\x65roots\x80\x67version\x01";

fn fault_of(file: &[u8]) -> (u64, CarFault) {
    let error = decode(file).end.unwrap_err();
    (error.offset(), error.fault().clone())
}

/// A CARv2 of these parts; its index offset is where `after` begins.
fn v2_of(padding: usize, data: &[u8], after: &[u8]) -> Vec<u8> {
    let data_offset = 51 + padding as u64;
    let numbers = [data_offset, data.len() as u64, data_offset + data.len() as u64];
    let mut file = b"\x0a\xa1\x67version\x02".to_vec();
    file.extend([0; 16]);
    file.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
    file.extend(vec![0xee; padding]);
    file.extend_from_slice(data);
    file.extend_from_slice(after);
    file
}

#[test]
fn a_file_that_ends_anywhere_but_between_sections_is_cut_off() {
    let blocks = blocks_of_sizes([0, 1, 200, 20_000]);
    let file = car_of(&blocks);
    let ends: Vec<usize> = (0..=blocks.len()).map(|count| car_of(&blocks[..count]).len()).collect();
    // The header of no blocks has no root: the same file otherwise.
    let ends: Vec<usize> = std::iter::once(ends[1] - section(&blocks[0]).len())
        .chain(ends.into_iter().skip(1))
        .collect();
    for len in 0..file.len() {
        let decoded = decode(&file[..len]);
        let whole = ends.iter().filter(|end| **end <= len).count();
        assert_eq!(decoded.blocks.len(), whole.saturating_sub(1), "{len} bytes");
        if ends.contains(&len) {
            assert_eq!(decoded.end, Ok(()), "{len} bytes");
        } else {
            let error = decoded.end.unwrap_err();
            assert_eq!(error.fault(), &CarFault::Truncated { end: len as u64 });
            let before = ends.iter().rfind(|end| **end < len).copied().unwrap_or(0);
            assert_eq!(error.offset(), before as u64, "{len} bytes");
        }
    }
}

#[test]
fn a_carv2_that_ends_before_its_data_does_is_cut_off() {
    let data = car_of(&blocks_of_sizes([3, 300]));
    let file = v2_of(7, &data, b"");
    assert_eq!(decode(&file).end, Ok(()));
    for len in 0..file.len() {
        let error = decode(&file[..len]).end.unwrap_err();
        assert_eq!(error.fault(), &CarFault::Truncated { end: len as u64 }, "{len} bytes");
    }
}

#[test]
fn the_data_of_a_carv2_is_read_and_nothing_else() {
    let blocks = blocks_of_sizes([5, 500]);
    let data = car_of(&blocks);
    for after in [&b""[..], b"not an index", &[0; 300]] {
        let decoded = decode(&v2_of(9, &data, after));
        assert_eq!(decoded.end, Ok(()));
        let found: Vec<_> = decoded.blocks.iter().map(|found| &found.block).collect();
        assert_eq!(found, blocks.iter().collect::<Vec<_>>());
        let v2 = decoded.header.unwrap().v2.unwrap();
        assert_eq!((v2.data_offset, v2.data_size), (60, data.len() as u64));
        assert_eq!(decoded.blocks[0].offset, 60 + decode(&data).blocks[0].offset);
    }
}

#[test]
fn the_decoder_says_when_the_data_of_a_carv2_is_read() {
    let data = car_of(&blocks_of_sizes([5]));
    let file = v2_of(0, &data, b"index");
    let mut decoder = CarDecoder::new();
    let mut input = &file[..51 + data.len()];
    assert!(matches!(decoder.decode(&mut input), Ok(Some(CarEvent::Header(_)))));
    assert!(matches!(decoder.decode(&mut input), Ok(Some(CarEvent::Block(_)))));
    assert!(!decoder.is_done());
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert!(decoder.is_done());
}

#[test]
fn a_section_that_runs_past_the_data_of_a_carv2_is_cut_off_there() {
    let block = &blocks_of_sizes([100])[0];
    let data = [HEADER, &section(block)].concat();
    let mut file = v2_of(0, &data, &[7; 50]);
    // One byte less of data.
    file[35..43].copy_from_slice(&(data.len() as u64 - 1).to_le_bytes());
    let end = (51 + data.len() - 1) as u64;
    assert_eq!(fault_of(&file), (51 + 18, CarFault::Truncated { end }));
}

#[test]
fn headers_of_a_carv2_that_cannot_be_are_refused() {
    let data = car_of(&blocks_of_sizes([5]));
    let good = v2_of(0, &data, b"");
    let with = |at: usize, number: u64| {
        let mut file = good.clone();
        file[at..at + 8].copy_from_slice(&number.to_le_bytes());
        fault_of(&file)
    };
    let large = 1 << 63;
    for (at, number) in [
        (27, 50),
        (27, 0),
        (27, large),
        (27, u64::MAX),
        (35, 0),
        (35, large),
        (35, large - 51),
        (35, u64::MAX),
        (43, large),
        (43, u64::MAX),
    ] {
        let (offset, fault) = with(at, number);
        assert_eq!(offset, 11, "{number} at {at}");
        assert!(matches!(fault, CarFault::Header(_)), "{number} at {at}: {fault}");
    }
    // The largest that there can be are taken: an index is not read here, and data ends early.
    let mut file = good.clone();
    file[43..51].copy_from_slice(&(large - 1).to_le_bytes());
    assert_eq!(decode(&file).end, Ok(()));
    file[35..43].copy_from_slice(&(large - 52).to_le_bytes());
    let end = file.len() as u64;
    assert_eq!(fault_of(&file), (end, CarFault::Truncated { end }));
    // The data of a CARv2 is a CARv1.
    assert_eq!(fault_of(&v2_of(0, &good, b"")), (51, CarFault::Version(2)));
    // The same number in more bytes than it needs: the fixed header would not be where it must be.
    let longer = b"\x0b\xa1\x67version\x18\x02".to_vec();
    let (offset, fault) = fault_of(&[longer, good[11..].to_vec()].concat());
    assert!(matches!(fault, CarFault::Header(_)) && offset == 0, "{fault}");
}

#[test]
fn a_cid_whose_codec_or_hash_function_takes_a_varint_of_10_bytes_is_refused() {
    let most = (1 << 63) - 1;
    let cid = |codec, hash, len| {
        let cid = LongCid::new_v1(codec, Multihash::wrap(hash, &vec![7; len]).unwrap());
        cid.to_bytes()
    };
    for good in [cid(most, most, 32), cid(most, IDENTITY, 100)] {
        let section = [uvarint(good.len() as u64), good.clone()].concat();
        assert_eq!(decode(&[HEADER, &section].concat()).end, Ok(()));
    }
    assert_eq!(decode(&car_with_root(&cid(most, most, 32))).end, Ok(()));
    for bad in [cid(1 << 63, 0x12, 32), cid(RAW, u64::MAX, 32), cid(1 << 63, IDENTITY, 100)] {
        let section = [uvarint(bad.len() as u64), bad.clone()].concat();
        let (offset, fault) = fault_of(&[HEADER, &section].concat());
        assert!(offset == 18 && matches!(fault, CarFault::Cid(_)), "{offset}: {fault}");
        let (offset, fault) = fault_of(&car_with_root(&bad));
        assert!(offset == 0 && fault.to_string().contains("2^63"), "{offset}: {fault}");
    }
}

#[test]
fn headers_are_read_whatever_the_order_of_their_fields() {
    assert_eq!(decode(HEADER).end, Ok(()));
    assert_eq!(decode(b"\x11\xa2\x67version\x01\x65roots\x80").end, Ok(()));
}

/// go-car writes the first if it is given no roots, and reads both.
#[test]
fn a_header_may_have_null_for_roots_or_nothing() {
    for header in [&b"\x11\xa2\x65roots\xf6\x67version\x01"[..], b"\x0a\xa1\x67version\x01"] {
        let decoded = decode(header);
        assert_eq!((decoded.header.unwrap().roots, decoded.end), (Vec::new(), Ok(())));
    }
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let root = b"\x19\xa2\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00\x67version\x01";
    assert_eq!(decode(root).end, Ok(()));
    let root_and_a_byte =
        b"\x1a\xa2\x65roots\x81\xd8\x2a\x46\x00\x01\x55\x00\x00\x07\x67version\x01";
    let root_that_is_text = b"\x14\xa2\x65roots\x81\x62no\x67version\x01";
    for header in [
        &b"\x07\xa1\x65roots\x80"[..],
        root_that_is_text,
        root_and_a_byte,
        b"\x15\xa3\x65roots\x80\x67version\x01\x61x\x02\x00",
        b"\x12\xa2\x65roots\x80\x67version\x01\x00",
        b"\x01\x80",
        b"\x00",
    ] {
        let (offset, fault) = fault_of(header);
        assert!(matches!(fault, CarFault::Header(_)) && offset == 0, "{header:?}: {fault}");
    }
    assert_eq!(fault_of(b"\x11\xa2\x65roots\x80\x67version\x00"), (0, CarFault::Version(0)));
}

#[test]
fn lengths_are_varints_of_nine_bytes_that_are_no_longer_than_they_must_be() {
    let block = Block::new(RAW, vec![7; 100]);
    let body = &section(&block)[2..];
    let with = |length: &[u8]| [HEADER, length, body].concat();
    assert_eq!(decode(&with(b"\x88\x01")).end, Ok(()));
    for length in [&b"\x88\x81\x00"[..], b"\x80\x00", &[0xff; 9], &[0x80; 10]] {
        assert_eq!(fault_of(&with(length)), (18, CarFault::Varint), "{length:?}");
    }
    let most = [&[0xff; 8][..], &[0x7f]].concat();
    // Four varints of a CID, and the longest digest.
    let limit = (Policy::MAX_BLOCK_LEN + 4 * 9 + 128) as u64;
    let expected = CarFault::LongSection { len: (1 << 63) - 1, limit };
    assert_eq!(fault_of(&with(&most)), (18, expected));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_what_it_counts() {
    let limit = CarOptions::MAX_HEADER_LEN as u64;
    let len = limit + 1;
    assert_eq!(fault_of(&uvarint(len)), (0, CarFault::LongHeader { len, limit }));
    // One that is allowed is waited for.
    let expected = CarFault::Truncated { end: uvarint(limit).len() as u64 };
    assert_eq!(fault_of(&uvarint(limit)), (0, expected));

    let options = CarOptions::new().max_block_len(100);
    for (size, fits) in [(100, true), (101, false)] {
        let file = [HEADER, &section(&Block::new(RAW, vec![7; size]))].concat();
        let decoded = decode_in(options.clone(), [&file[..]]);
        assert_eq!(decoded.end.is_ok(), fits, "{size} bytes");
        let pieces = decode_in(options.clone(), file.chunks(1));
        assert_eq!(decoded, pieces);
    }
}

#[test]
fn sections_without_a_cid_are_refused() {
    let identity_of_129 = [&[1, 0x55, 0, 129, 1][..], &[0; 129]].concat();
    let sha512_of_70 = [&[1, 0x55, 0x13, 70][..], &[0; 70]].concat();
    for body in [
        &b"\x01"[..],
        b"\x01\x55",
        b"\x01\x55\x12\x20too short",
        b"\x12\x20too short",
        b"\x02\x55\x12\x00",
        b"\x00\x55\x12\x00",
        &identity_of_129,
        &sha512_of_70,
    ] {
        let file = [HEADER, &uvarint(body.len() as u64), body].concat();
        let (offset, fault) = fault_of(&file);
        assert!(matches!(fault, CarFault::Cid(_)) && offset == 18, "{body:?}: {fault}");
    }
}

#[test]
fn identity_cids_that_a_cid_has_no_room_for_are_told_apart() {
    let data: Vec<u8> = (0..128).collect();
    for len in [65, 127, 128] {
        let held = &data[..len];
        let section = identity_section(held, held);
        let file = [HEADER, &section].concat();
        let decoded = decode(&file);
        assert_eq!((&decoded.end, decoded.blocks.len()), (&Ok(()), 0));
        let [found] = &decoded.identities[..] else { panic!("{decoded:?}") };
        assert_eq!((found.cid.codec(), found.cid.hash().code()), (RAW, IDENTITY));
        assert_eq!((found.cid.hash().digest(), &found.data[..]), (held, held));
        assert_eq!(found.offset, HEADER.len() as u64);
        assert_eq!(found.data_offset, (file.len() - len) as u64);
        found.verify().unwrap();
        assert_eq!(decode_in(CarOptions::new(), file.chunks(1)), decoded);
    }
    let file = [HEADER, &identity_section(&data, &data[1..])].concat();
    decode(&file).identities[0].verify().unwrap_err();
}

#[test]
fn zero_bytes_at_the_end_are_padding_if_that_is_said() {
    let data = car_of(&blocks_of_sizes([5, 50]));
    let padded = [&data[..], &[0; 100]].concat();
    let options = CarOptions::new().null_padding(true);
    for file in [padded.clone(), v2_of(3, &padded, b"index")] {
        assert_eq!(decode(&file).end.unwrap_err().fault(), &CarFault::EmptySection);
        let decoded = decode_in(options.clone(), [&file[..]]);
        assert_eq!((decoded.end, decoded.blocks.len()), (Ok(()), 2));
    }
    let followed = [&padded[..], b"x"].concat();
    let error = decode_in(options, [&followed[..]]).end.unwrap_err();
    assert_eq!((error.offset(), error.fault()), (data.len() as u64, &CarFault::Padding));
}

#[test]
fn a_small_block_does_not_keep_what_it_was_read_with() {
    let blocks = blocks_of_sizes([10; 100]);
    let file = car_of(&blocks);
    let range = file.as_ptr_range();
    for found in decode(&file).blocks {
        assert!(!range.contains(&found.block.data().as_ptr()));
        // Its own and unshared: it can be had back without a copy.
        let data = found.block.into_parts().1;
        let at = data.as_ptr();
        assert_eq!(data.try_into_mut().unwrap().as_ptr(), at);
    }
}

/// Files to start from.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        ["small.car", "small.dup.car", "small.v2.car", "small.v2.padded.car"]
            .map(|name| fixture(&format!("go/{name}")))
            .into();
    seeds.push(fixture("js/small.car"));
    seeds.push(v2_of(40, &car_of(&blocks_of_sizes([70_000, 0, 1])), &[0; 9]));
    seeds
}

proptest! {
    #[test]
    fn the_pieces_in_which_a_file_comes_do_not_matter(
        seed in 0..6_usize,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut file = seeds()[seed].clone();
        if let Some((at, byte)) = damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len())).collect();
        cuts.sort_unstable();
        let (mut rest, mut pieces, mut done) = (&file[..], Vec::new(), 0);
        for cut in cuts {
            let (piece, after) = rest.split_at(cut - done);
            (rest, done) = (after, cut);
            pieces.push(piece);
        }
        pieces.push(rest);
        prop_assert_eq!(decode(&file), decode_in(CarOptions::new(), pieces));
    }

    #[test]
    fn what_is_written_is_read(sizes in prop::collection::vec(0..300_usize, 0..30)) {
        let blocks = blocks_of_sizes(sizes);
        let decoded = decode(&car_of(&blocks));
        prop_assert_eq!(decoded.end, Ok(()));
        let found: Vec<Block> = decoded.blocks.into_iter().map(|found| found.block).collect();
        prop_assert_eq!(found, blocks);
    }
}
