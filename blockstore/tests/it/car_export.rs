//! Exports, read back by another reader and by ourselves.

use std::io::SeekFrom;

use bytes::Bytes;
use datastore::{Error, ErrorKind};
use datastore_blocks::{
    Block, CarIndex, CarV2Writer, CarWriter, Cid, DAG_PB, ImportOptions, PbLink, PbNode, RAW,
};
use futures::executor::block_on;
use futures::io::{AllowStdIo, Cursor};
use futures::{AsyncSeekExt, AsyncWriteExt, TryStreamExt, stream};
use proptest::prelude::*;

use crate::car_support::{blocks_of_sizes, car_of, decode, memory};

/// What the `rs-car` crate reads and verifies.
async fn read_back(file: &[u8]) -> (u8, Vec<Cid>, Vec<(Vec<u8>, Vec<u8>)>) {
    let mut file = Cursor::new(file.to_vec());
    let (blocks, header) = rs_car::car_read_all(&mut file, true).await.unwrap();
    let roots = header.roots.iter().map(|cid| cid.to_bytes().try_into().unwrap()).collect();
    let blocks = blocks.into_iter().map(|(cid, data)| (cid.to_bytes(), data)).collect();
    (header.version as u8, roots, blocks)
}

fn rows(blocks: &[Block]) -> Vec<(Vec<u8>, Vec<u8>)> {
    blocks.iter().map(|block| (block.cid().to_bytes(), block.data().to_vec())).collect()
}

/// A root that links two leaves and one of them again.
fn dag() -> Vec<Block> {
    let leaves = [Block::new(RAW, "first"), Block::new(RAW, "second")];
    let link = |of: &Block| PbLink { cid: *of.cid(), name: None, tsize: None };
    let links = vec![link(&leaves[1]), link(&leaves[0]), link(&leaves[1])];
    let root = Block::new(DAG_PB, PbNode { links, data: None }.encode());
    let [first, second] = leaves;
    vec![root, second, first]
}

#[test]
fn a_dag_is_exported_once_from_its_root_in_the_order_of_its_links() {
    block_on(async {
        let dag = dag();
        let store = memory().await;
        // In another order, with one that is not of the DAG.
        store.put_batch(dag.iter().rev().cloned().collect()).await.unwrap();
        store.put(Block::new(RAW, "another")).await.unwrap();
        let root = *dag[0].cid();

        let mut file = Vec::new();
        let exported = store.export_car(&[root], &mut file).await.unwrap();
        assert_eq!(file, car_of(&dag));
        assert_eq!((exported.blocks, exported.bytes), (3, file.len() as u64));
        assert_eq!(read_back(&file).await, (1, vec![root], rows(&dag)));

        let mut file = Cursor::new(Vec::new());
        let exported = store.export_car_v2(&[root], &mut file).await.unwrap();
        let file = file.into_inner();
        assert_eq!((exported.blocks, exported.bytes), (3, file.len() as u64));
        assert_eq!(read_back(&file).await, (2, vec![root], rows(&dag)));
    });
}

#[test]
fn a_dag_with_a_block_that_is_missing_is_not_exported() {
    block_on(async {
        let dag = dag();
        let store = memory().await;
        store.put_batch(dag[..2].to_vec()).await.unwrap();
        let error = store.export_car(&[*dag[0].cid()], Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&dag[2].cid().to_string()), "{error}");
    });
}

#[test]
fn everything_is_exported_and_comes_back_elsewhere() {
    block_on(async {
        let blocks = blocks_of_sizes([0, 1, 1000, 200_000, 5000]);
        let store = memory().await;
        store.put_batch(blocks).await.unwrap();
        let mut file = Vec::new();
        let mut writer = CarWriter::new(&mut file, &[]).await.unwrap();
        writer.write_all(store.get_all()).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().blocks, 5);

        let expected: Vec<Block> = store.get_all().try_collect().await.unwrap();
        assert_eq!(read_back(&file).await, (1, vec![], rows(&expected)));
        let other = memory().await;
        other.import_car(std::io::Cursor::new(file), ImportOptions::new()).await.unwrap();
        let found: Vec<Block> = other.get_all().try_collect().await.unwrap();
        assert_eq!(found, expected);
    });
}

#[test]
fn the_error_of_a_stream_of_blocks_ends_what_is_written() {
    block_on(async {
        let blocks = blocks_of_sizes([10, 20]);
        let failing = stream::iter([
            Ok(blocks[0].clone()),
            Err(Error::new(ErrorKind::Corrupt, "damaged")),
            Ok(blocks[1].clone()),
        ]);
        let mut writer = CarWriter::new(Vec::new(), &[]).await.unwrap();
        let error = writer.write_all(failing).await.unwrap_err();
        assert_eq!((error.kind(), writer.written().blocks), (ErrorKind::Corrupt, 1));
    });
}

#[test]
fn a_sink_that_is_full_is_unavailable() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    block_on(async {
        let block = &blocks_of_sizes([1 << 20])[0];
        let mut writer = CarWriter::new(AllowStdIo::new(Full), &[]).await.unwrap();
        let error = writer.write(block).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let writer = CarWriter::new(AllowStdIo::new(Full), &[]).await.unwrap();
        assert_eq!(writer.finish().await.unwrap_err().kind(), ErrorKind::Unavailable);
    });
}

#[test]
fn a_carv2_that_was_not_finished_is_refused() {
    block_on(async {
        let mut file = Cursor::new(Vec::new());
        let mut writer = CarV2Writer::new(&mut file, &[]).await.unwrap();
        writer.write(&blocks_of_sizes([200_000])[0]).await.unwrap();
        drop(writer);
        let file = file.into_inner();
        assert!(file.len() > 200_000);
        let error = decode(&file).end.unwrap_err();
        assert_eq!(error.offset(), 11);
        assert!(error.to_string().contains("not finish"), "{error}");
    });
}

#[test]
fn a_carv2_is_written_where_the_sink_stands() {
    block_on(async {
        let block = &blocks_of_sizes([10])[0];
        let mut file = Cursor::new(b"before".to_vec());
        file.seek(SeekFrom::End(0)).await.unwrap();
        let mut writer = CarV2Writer::new(&mut file, &[]).await.unwrap();
        writer.write(block).await.unwrap();
        writer.finish().await.unwrap();
        file.write_all(b"after").await.unwrap();
        let bytes = file.into_inner();
        let car = bytes.strip_prefix(b"before").unwrap().strip_suffix(b"after").unwrap();
        let decoded = decode(car);
        assert_eq!((decoded.end, decoded.blocks.len()), (Ok(()), 1));
        let v2 = decoded.header.unwrap().v2.unwrap();
        assert_eq!((v2.index_offset, v2.data_offset + v2.data_size), (0, car.len() as u64));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_index_names_every_block_and_nothing_else(
        hashes in prop::collection::vec((0..4_usize, 0..60_u8), 0..80),
    ) {
        // Functions whose digests have 20, 32 and 64 bytes, and the identity; some blocks come again.
        let codes = [0x11, 0x12, 0x13, 0x00];
        let block = |(code, byte): (usize, u8)| Block::with_hash(RAW, codes[code], vec![byte; 3]).unwrap();
        let blocks: Vec<Block> = hashes.into_iter().map(block).collect();
        let mut file = Cursor::new(Vec::new());
        block_on(async {
            let mut writer = CarV2Writer::new(&mut file, &[]).await.unwrap().with_index();
            for block in &blocks {
                writer.write(block).await.unwrap();
            }
            writer.finish().await.unwrap();
        });
        let file = Bytes::from(file.into_inner());
        let decoded = decode(&file);
        let v2 = decoded.header.unwrap().v2.unwrap();
        let at = v2.index_offset;
        let index = CarIndex::parse(file.slice(at as usize..), at).unwrap();
        let indexed = blocks.iter().filter(|block| block.cid().hash().code() != 0).count();
        prop_assert_eq!(index.len(), indexed);
        for block in &blocks {
            let expected = decoded.blocks.iter().filter(|found| found.block == *block);
            let expected = expected.filter(|_| block.cid().hash().code() != 0);
            let expected: Vec<u64> = expected.map(|found| found.offset - v2.data_offset).collect();
            prop_assert_eq!(index.offsets(block.cid().hash()).collect::<Vec<_>>(), expected);
        }
        let absent = Block::new(RAW, "absent");
        prop_assert_eq!(index.offsets(absent.cid().hash()).count(), 0);

        for cut in at as usize..file.len() {
            let error = CarIndex::parse(file.slice(at as usize..cut), at).unwrap_err();
            prop_assert!(error.offset() >= at && error.offset() <= cut as u64);
        }
    }
}

#[test]
fn an_index_of_digests_alone_is_read() {
    let (one, two) = (Block::new(RAW, "one"), Block::new(RAW, "two"));
    let mut records: Vec<(Vec<u8>, u64)> =
        vec![(one.cid().hash().digest().to_vec(), 11), (two.cid().hash().digest().to_vec(), 22)];
    records.sort();
    let index = |records: &[(Vec<u8>, u64)]| {
        let mut bytes = vec![0x80, 0x08];
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(40_u32.to_le_bytes());
        bytes.extend((40 * records.len() as u64).to_le_bytes());
        for (digest, offset) in records {
            bytes.extend(digest);
            bytes.extend(offset.to_le_bytes());
        }
        CarIndex::parse(Bytes::from(bytes), 1000)
    };
    let read = index(&records).unwrap();
    assert_eq!(read.offsets(one.cid().hash()).collect::<Vec<_>>(), [11]);
    assert_eq!(read.offsets(two.cid().hash()).collect::<Vec<_>>(), [22]);
    assert_eq!(read.len(), 2);
    records.reverse();
    assert!(index(&records).unwrap_err().to_string().contains("sorted"));
}

#[test]
fn what_is_no_index_is_refused_without_setting_its_lengths_aside() {
    let huge = [&[0x81, 0x08][..], &[0xff; 4], &[0x12, 0, 0, 0, 0, 0, 0, 0], &[0xff; 40]].concat();
    let short_records = [&[0x80, 0x08, 1, 0, 0, 0, 7, 0, 0, 0][..], &[0; 8]].concat();
    let more = [0x80, 0x08, 0, 0, 0, 0, 0];
    for bytes in [&b""[..], b"\x55", b"\x80", &huge, &short_records, &more] {
        // The second is one that a damaged header might name.
        for offset in [0, u64::MAX] {
            assert!(CarIndex::parse(Bytes::copy_from_slice(bytes), offset).is_err(), "{bytes:?}");
        }
    }
}
