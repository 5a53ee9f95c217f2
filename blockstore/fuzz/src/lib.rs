//! What must hold of any bytes. The fuzz targets call these, and so does a test of the library, with its
//! fixtures and mutations of them.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use datastore::MemoryDatastore;
use datastore_blocks::{
    Block, Blockstore, CarBlock, CarDecoder, CarError, CarEvent, CarIndex, ImportOptions, Multihash,
};
use futures::TryStreamExt;
use futures::executor::block_on;

/// Blocks are where the decoder says, one after another, however the file was cut into pieces.
pub fn car_decoder(file: &[u8]) {
    let (blocks, end) = decode([file]);
    let mut position = 0;
    for found in &blocks {
        let (data, at) = (found.block.data(), found.data_offset as usize);
        assert!(found.offset >= position && found.data_offset > found.offset);
        assert_eq!(file.get(at..at + data.len()), Some(&data[..]));
        position = found.data_offset + data.len() as u64;
    }
    if let Err(error) = &end {
        assert!(error.offset() >= position && error.offset() <= file.len() as u64);
    }
    // The first byte of the file decides how it is cut.
    let size = 1 + usize::from(file.first().copied().unwrap_or_default()) * 7 % 97;
    assert_eq!(decode(file.chunks(size)), (blocks, end));
}

/// All that is stored of a file verifies, and importing it again writes nothing and says the same.
pub fn car_import(file: &[u8]) {
    block_on(async {
        let store = Blockstore::open(Arc::new(MemoryDatastore::new())).await.unwrap();
        let mut runs = Vec::new();
        for _ in 0..2 {
            let source = Cursor::new(file.to_vec());
            let imported = store.import_car(source, ImportOptions::new()).await;
            let offset = imported.as_ref().err().map(|error| (error.kind(), error.offset()));
            let sums = imported.unwrap_or_else(|error| error.kept().clone());
            let stored: Vec<Block> = store.get_all().try_collect().await.unwrap();
            runs.push((offset, sums, stored));
        }
        let [(verdict, first, stored), (again, second, after)] = &runs[..] else { return };
        assert_eq!((verdict, stored), (again, after));
        assert_eq!(first.stored.written, stored.len() as u64);
        assert_eq!((second.stored.written, second.blocks), (0, first.blocks));
        assert_eq!(first.identity + first.stored.written + first.stored.present, first.blocks);
        for block in stored {
            block.verify().unwrap();
        }
    });
}

/// An index is refused or can be asked.
pub fn car_index(bytes: &[u8]) {
    let Ok(index) = CarIndex::parse(Bytes::copy_from_slice(bytes), 7) else { return };
    assert!(index.len() <= bytes.len() / 8);
    for len in 0..=64 {
        for code in [0x12, 0x13] {
            let digest = bytes.rchunks(len + 8).next().unwrap_or_default();
            let digest = digest.get(..len).unwrap_or_default();
            let hash = Multihash::wrap(code, digest).unwrap();
            assert!(index.offsets(&hash).count() <= index.len());
        }
    }
}

fn decode<'f>(pieces: impl IntoIterator<Item = &'f [u8]>) -> (Vec<CarBlock>, Result<(), CarError>) {
    let (mut decoder, mut blocks) = (CarDecoder::new(), Vec::new());
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(CarEvent::Block(found))) => blocks.push(found),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return (blocks, Err(error)),
            }
        }
    }
    let end = decoder.finish();
    (blocks, end)
}
