//! Imports: batches, damage, sources that break, and runs that are cut short.

use std::io::{self, Cursor, Read};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use bytes::Bytes;
use datastore::{
    Datastore, ErrorKind, Fault, Injected, MANY_OPS, MemoryDatastore, Operation, Position,
};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, Cid, IDENTITY, ImportError, ImportOptions, Imported,
    Policy, RAW, links,
};
use futures::executor::block_on;
use futures::future::{Either, select};
use futures::{StreamExt, TryStreamExt, stream};

use crate::car_support::{
    blocks_of_sizes, car_of, car_with_root, decode, identity_section, memory, section, uvarint,
};

/// Imports from both kinds of source, into a new store each; the answers must be the same.
async fn import(file: &[u8], options: fn() -> ImportOptions) -> Result<Imported, ImportError> {
    let (store, other) = (memory().await, memory().await);
    let read = store.import_car(Cursor::new(file.to_vec()), options()).await;
    let pieces: Vec<io::Result<Bytes>> =
        file.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let streamed = other.import_car_stream(stream::iter(pieces), options()).await;
    match (&read, &streamed) {
        (Ok(read), Ok(streamed)) => assert_eq!(read, streamed),
        (Err(read), Err(streamed)) => {
            assert_eq!(read.kept(), streamed.kept());
            assert_eq!((read.kind(), read.offset()), (streamed.kind(), streamed.offset()));
            assert_eq!(read.to_string(), streamed.to_string());
        }
        _ => panic!("{read:?} and {streamed:?}"),
    }
    assert_eq!(all(&store).await, all(&other).await);
    read
}

async fn all(store: &Blockstore) -> Vec<Block> {
    store.get_all().try_collect().await.unwrap()
}

/// A source that counts what is read of it.
struct Counted {
    inner: Cursor<Vec<u8>>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buf)?;
        self.read.fetch_add(len as u64, Ordering::SeqCst);
        Ok(len)
    }
}

#[test]
fn commits_are_batches_and_progress_is_told_after_each() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![20; 20 * MANY_OPS + 5]);
        let file = car_of(&blocks);
        let store = Arc::new(Fault::new(MemoryDatastore::new()));
        let blockstore = Blockstore::open(Arc::clone(&store) as Arc<dyn Datastore>).await.unwrap();
        let commits = store.calls(Operation::Commit);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let options = ImportOptions::new().progress(move |so_far| {
            tell.lock().unwrap().push((so_far.blocks as usize, so_far.position));
        });
        let imported = blockstore.import_car(Cursor::new(file.clone()), options).await.unwrap();
        assert_eq!(store.calls(Operation::Sync), 1);
        let told = told.lock().unwrap();
        assert_eq!(store.calls(Operation::Commit) - commits, told.len() as u64);
        let batch = told[0].0;
        assert!((MANY_OPS..10 * MANY_OPS).contains(&batch), "{batch}");
        let counts = (1..).map(|n| blocks.len().min(n * batch)).take(blocks.len().div_ceil(batch));
        let end_of = |count: usize| car_of(&blocks[..count]).len() as u64;
        assert_eq!(*told, counts.map(|count| (count, end_of(count))).collect::<Vec<_>>());
        assert_eq!((imported.version, imported.roots), (1, vec![*blocks[0].cid()]));
        assert_eq!(imported.stored.bytes, 20 * blocks.len() as u64);
        assert_eq!(imported.position, file.len() as u64);
    });
}

#[test]
fn blocks_that_come_again_or_are_there_are_counted_and_not_written() {
    block_on(async {
        let identity = Block::with_hash(RAW, IDENTITY, "here").unwrap();
        let mut blocks = blocks_of_sizes([5, 6, 7]);
        let twice = [&blocks[..], &blocks[1..2], std::slice::from_ref(&identity)].concat();
        let imported = import(&car_of(&twice), ImportOptions::new).await.unwrap();
        assert_eq!((imported.blocks, imported.identity), (5, 1));
        assert_eq!((imported.stored.written, imported.stored.present), (3, 1));

        let store = memory().await;
        store.put_batch(blocks.split_off(2)).await.unwrap();
        let imported = store.import_car(Cursor::new(car_of(&twice)), ImportOptions::new()).await;
        let stored = imported.unwrap().stored;
        assert_eq!((stored.written, stored.bytes, stored.present), (2, 11, 2));
    });
}

#[test]
fn identity_cids_are_taken_up_to_the_bytes_that_a_policy_takes_of_them() {
    block_on(async {
        let blocks = blocks_of_sizes([5, 6]);
        let data = [7; 128];
        let file = |held: &[u8], data: &[u8]| {
            [car_of(&blocks[..1]), identity_section(held, data), section(&blocks[1])].concat()
        };
        for len in [64, 65, 128] {
            let imported = import(&file(&data[..len], &data[..len]), ImportOptions::new).await;
            let imported = imported.unwrap();
            assert_eq!((imported.blocks, imported.identity, imported.stored.written), (3, 1, 2));
        }
        // The data is not what the CID holds; and more than the policy takes, on either side of what a `Cid` holds.
        let cut = file(&data, &data[1..]);
        let wrong = import(&cut, ImportOptions::new).await.unwrap_err();
        let offset = car_of(&blocks[..1]).len() as u64;
        assert_eq!((wrong.kind(), wrong.offset()), (ErrorKind::InvalidInput, Some(offset)));
        assert_eq!(wrong.kept().stored.written, 1);
        for (most, len) in [(63, 64), (64, 65), (127, 128)] {
            let policy = Policy::new().max_identity_len(most);
            let store = BlockstoreOptions::new().policy(policy);
            let store = store.open(Arc::new(MemoryDatastore::new())).await.unwrap();
            let source = Cursor::new(file(&data[..len], &data[..len]));
            let error = store.import_car(source, ImportOptions::new()).await.unwrap_err();
            assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidInput, Some(offset)));
            let cause = error.cause().to_string();
            assert!(cause.contains(&format!("{len} bytes, more than {most}")), "{cause}");
        }
    });
}

#[test]
fn a_root_may_be_an_identity_cid_of_128_bytes_whatever_it_links_to() {
    block_on(async {
        let block = blocks_of_sizes([5]).remove(0);
        let root = |codec: u8, held: &[u8]| {
            [&[0x01, codec, 0x00][..], &uvarint(held.len() as u64), held].concat()
        };
        // A list of a link and 40 bytes of text.
        let link = [&[0xd8, 42, 0x58, 37, 0][..], &block.cid().to_bytes()].concat();
        let node = [&[0x82][..], &link, &[0x78, 40], &[b'x'; 40]].concat();
        let unknown = Err(ErrorKind::Unsupported);
        for (root, linked) in [
            (root(0x55, &[7; 65]), Ok(vec![])),
            (root(0x55, &[7; 128]), Ok(vec![])),
            (root(0x71, &node), Ok(vec![*block.cid()])),
            (root(0x78, &[7; 100]), unknown),
            (root(0x71, &[0xff; 100]), Err(ErrorKind::Corrupt)),
        ] {
            let file = [car_with_root(&root), section(&block)].concat();
            let imported = import(&file, ImportOptions::new).await.unwrap();
            assert_eq!((imported.roots, imported.stored.written), (vec![], 1));
            let [long] = imported.long_roots[..] else { panic!("{:?}", imported.long_roots) };
            assert_eq!(long.to_bytes(), root);
            let links = links(&long, long.hash().digest());
            assert_eq!(links.map_err(|error| error.kind()), linked);
        }
        let usual = root(0x55, &[7; 64]);
        let imported = import(&car_with_root(&usual), ImportOptions::new).await.unwrap();
        assert_eq!((imported.roots[0].to_bytes(), imported.long_roots), (usual, vec![]));
        // Too long; of another hash function.
        for root in [root(0x55, &[7; 129]), [&[1, 0x55, 0x1e, 65][..], &[7; 65]].concat()] {
            let error = import(&car_with_root(&root), ImportOptions::new).await.unwrap_err();
            assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidInput, Some(0)));
        }
    });
}

#[test]
fn what_came_before_the_damage_is_kept_whole_batches_or_not() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![20; MANY_OPS + 50]);
        let mut file = car_of(&blocks);
        let bad = MANY_OPS + 17;
        let offset = decode(&file).blocks[bad].offset;
        let data_offset = decode(&file).blocks[bad].data_offset as usize;
        file[data_offset] ^= 1;
        let error = import(&file, ImportOptions::new).await.unwrap_err();
        assert_eq!(error.offset(), Some(offset));
        assert_eq!((error.kept().blocks, error.kept().position), (bad as u64, offset));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.kept().roots, [*blocks[0].cid()]);
        let message = error.to_string();
        assert!(message.contains(&offset.to_string()) && message.contains("1017"), "{message}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(&blocks[bad].cid().to_string()), "{source}");

        let store = memory().await;
        store.import_car(Cursor::new(file), ImportOptions::new()).await.unwrap_err();
        let mut expected: Vec<Cid> = blocks[..bad].iter().map(|block| *block.cid()).collect();
        let mut found: Vec<Cid> = all(&store).await.iter().map(|block| *block.cid()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    });
}

#[test]
fn a_file_that_is_no_car_stores_nothing() {
    block_on(async {
        let error = import(b"\x05hello, this is no CAR", ImportOptions::new).await.unwrap_err();
        assert_eq!((error.offset(), error.kind()), (Some(0), ErrorKind::InvalidInput));
        assert_eq!(error.kept(), &Imported::default());
    });
}

#[test]
fn blocks_that_the_policy_does_not_take_are_refused_where_they_are() {
    block_on(async {
        let good = Block::new(RAW, "good");
        let sha1 = Block::with_hash(RAW, 0x11, "sha1").unwrap();
        let large = Block::new(RAW, vec![7; 1001]);
        for bad in [sha1, large] {
            let file = car_of(&[good.clone(), bad]);
            let policy = Policy::new().hashes([0x12]).max_block_len(1000);
            let store = BlockstoreOptions::new().policy(policy);
            let store = store.open(Arc::new(MemoryDatastore::new())).await.unwrap();
            let error = store.import_car(Cursor::new(file.clone()), ImportOptions::new()).await;
            let error = error.unwrap_err();
            assert_eq!(error.offset(), Some(decode(&file).blocks[1].offset));
            assert_eq!((error.kind(), error.kept().blocks), (ErrorKind::InvalidInput, 1));
            assert_eq!(all(&store).await, std::slice::from_ref(&good));
        }
    });
}

#[test]
fn a_source_that_breaks_is_unavailable_and_what_came_is_kept() {
    block_on(async {
        let blocks = blocks_of_sizes([100; 3]);
        let file = car_of(&blocks);
        let broken = || io::Error::other("unplugged");
        let cut = decode(&file).blocks[2].offset as usize + 3;
        let pieces = [Ok(Bytes::from(file[..cut].to_vec())), Err(broken())];
        let store = memory().await;
        let error = store.import_car_stream(stream::iter(pieces), ImportOptions::new()).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Unavailable, None));
        assert_eq!(error.kept().blocks, 2);
        assert!(error.cause().to_string().contains(&cut.to_string()), "{:?}", error.cause());

        let source = Cursor::new(file[..cut].to_vec()).chain(Broken);
        let store = memory().await;
        let error = store.import_car(source, ImportOptions::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.kept().blocks), (ErrorKind::Unavailable, 2));
        assert_eq!(all(&store).await.len(), 2);
    });
}

/// A source that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("unplugged"))
    }
}

/// Sections that take one read, several, or parts of one.
const LONG: [usize; 8] =
    [300 << 10, 10, 150 << 10, 1 << 20, 128 << 10, (128 << 10) - 1, 20 << 10, 2 << 20];

#[test]
fn long_sections_are_read_alike_from_any_source() {
    block_on(async {
        let blocks = blocks_of_sizes(LONG);
        let file = car_of(&blocks);
        let imported = import(&file, ImportOptions::new).await.unwrap();
        assert_eq!((imported.blocks, imported.position), (8, file.len() as u64));
        assert_eq!(imported.stored.bytes, LONG.iter().sum::<usize>() as u64);

        // As the data of a CARv2, with something behind it that is not read.
        let numbers = [0, 0, 51, file.len() as u64, 51 + file.len() as u64];
        let mut v2 = b"\x0a\xa1\x67version\x02".to_vec();
        v2.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        v2.extend([&file[..], &[1; 200_000]].concat());
        let imported = import(&v2, ImportOptions::new).await.unwrap();
        assert_eq!((imported.version, imported.blocks), (2, 8));
        assert_eq!(imported.position, 51 + file.len() as u64);
    });
}

#[test]
fn a_long_section_that_is_cut_short_is_named_with_what_came_before_it() {
    block_on(async {
        let blocks = blocks_of_sizes(LONG);
        let file = car_of(&blocks);
        let found = decode(&file).blocks;
        for (number, (block, len)) in found.iter().zip(LONG).enumerate() {
            let start = block.data_offset as usize;
            for cut in [start + len - 1, start + len / 2, start + 1] {
                let error = import(&file[..cut], ImportOptions::new).await.unwrap_err();
                assert_eq!(error.offset(), Some(block.offset), "cut at {cut}");
                assert_eq!(error.kept().blocks, number as u64);
                assert_eq!(error.kind(), ErrorKind::InvalidInput);

                let source = Cursor::new(file[..cut].to_vec()).chain(Broken);
                let error = memory().await.import_car(source, ImportOptions::new()).await;
                let error = error.unwrap_err();
                assert_eq!((error.kind(), error.offset()), (ErrorKind::Unavailable, None));
                assert_eq!(error.kept().blocks, number as u64);
                let cause = error.cause().to_string();
                assert!(cause.ends_with(&format!("byte {cut}")), "{cause}");
            }
        }
    });
}

#[test]
fn a_source_that_panics_is_an_error() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            std::panic::resume_unwind(Box::new("quietly"))
        }
    }
    let error = block_on(block_on(memory()).import_car(Panics, ImportOptions::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}

#[test]
fn a_commit_that_fails_stops_the_import_and_another_run_finishes_it() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![20; 20 * MANY_OPS]);
        let file = car_of(&blocks);
        let store = Arc::new(Fault::new(MemoryDatastore::new()));
        let blockstore = Blockstore::open(Arc::clone(&store) as Arc<dyn Datastore>).await.unwrap();
        let full = Injected::Error(ErrorKind::Unavailable);
        store.inject(Operation::Commit, Position::Nth(1), full);
        let error = blockstore.import_car(Cursor::new(file.clone()), ImportOptions::new()).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Unavailable, None));
        let kept = error.kept().blocks;
        assert!(kept > 0 && kept < blocks.len() as u64 / 2, "{kept}");

        let again = blockstore.import_car(Cursor::new(file), ImportOptions::new()).await.unwrap();
        assert_eq!(again.stored.written, blocks.len() as u64 - kept);
        assert_eq!(again.stored.present, kept);
        assert_eq!(all(&blockstore).await.len(), blocks.len());
    });
}

/// A source that waits, midway, until the other end of its gate is gone.
struct Gated {
    inner: Counted,
    limit: u64,
    gate: mpsc::Receiver<()>,
}

impl Read for Gated {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.inner.read.load(Ordering::SeqCst) >= self.limit {
            self.gate.recv().unwrap_err();
        }
        self.inner.read(buf)
    }
}

#[test]
fn an_import_that_is_dropped_midway_stops_reading_and_another_run_finishes_it() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![2000; 10 * MANY_OPS]);
        let file = car_of(&blocks);
        let (len, limit) = (file.len() as u64, file.len() as u64 / 2);
        let store = memory().await;
        let read = Arc::new(AtomicU64::new(0));
        let inner = Counted { inner: Cursor::new(file.clone()), read: Arc::clone(&read) };
        let (keep_shut, gate) = mpsc::sync_channel(0);
        let (told, committed) = futures::channel::oneshot::channel::<()>();
        let mut told = Some(told);
        let options = ImportOptions::new().progress(move |_| drop(told.take()));
        {
            let import = pin!(store.import_car(Gated { inner, limit, gate }, options));
            // The first commit ends the wait, and the import is dropped.
            assert!(matches!(select(committed, import).await, Either::Left(_)));
        }
        drop(keep_shut);
        // The thread lets go of the source when it ends.
        while Arc::strong_count(&read) > 1 {
            std::thread::yield_now();
        }
        let read = read.load(Ordering::SeqCst);
        assert!(read < len * 3 / 4, "{read} bytes of {len}");
        let kept = all(&store).await.len();
        assert!(kept >= MANY_OPS && kept <= blocks.len() / 2, "{kept}");

        let again = store.import_car(Cursor::new(file), ImportOptions::new()).await.unwrap();
        assert_eq!(again.stored.present, kept as u64);
        assert_eq!(again.stored.written, (blocks.len() - kept) as u64);
        assert_eq!(store.get_all().count().await, blocks.len());
    });
}

/// A source that says when it is read, and answers what it is handed.
struct Handed {
    bytes: mpsc::Receiver<Vec<u8>>,
    reads: mpsc::SyncSender<()>,
}

impl Read for Handed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.send(()).map_err(io::Error::other)?;
        let bytes = self.bytes.recv().map_err(io::Error::other)?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn an_import_that_is_dropped_keeps_its_source_for_one_read_and_the_datastore_not_at_all() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = block_on(Blockstore::open(store.clone())).unwrap();
    let ((hand, bytes), (reads, read)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
    let mut import = Box::pin(blocks.import_car(Handed { bytes, reads }, ImportOptions::new()));
    assert!(futures::FutureExt::now_or_never(&mut import).is_none());
    read.recv().unwrap();
    drop(import);
    drop(blocks);
    assert_eq!(Arc::strong_count(&store), 1);
    hand.send(car_of(&blocks_of_sizes([100]))).unwrap();
    assert_eq!(read.recv(), Err(mpsc::RecvError));
}

#[test]
fn a_source_is_not_read_far_ahead_of_what_is_committed() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![200 << 10; 200]);
        let file = car_of(&blocks);
        let len = file.len() as u64;
        let read = Arc::new(AtomicU64::new(0));
        let source = Counted { inner: Cursor::new(file), read: Arc::clone(&read) };
        let ahead = Arc::new(AtomicU64::new(0));
        let most = Arc::clone(&ahead);
        let options = ImportOptions::new().progress(move |so_far| {
            let ahead = read.load(Ordering::SeqCst) - so_far.position;
            most.fetch_max(ahead, Ordering::SeqCst);
        });
        let imported = memory().await.import_car(source, options).await.unwrap();
        assert_eq!(imported.position, len);
        // Four batches of one block more than 4 MiB, and what one read may bring.
        let bound = 4 * (4 << 20) + 5 * (200 << 10);
        let ahead = ahead.load(Ordering::SeqCst);
        assert!(ahead <= bound, "{ahead} of {bound} bytes ahead");
    });
}
