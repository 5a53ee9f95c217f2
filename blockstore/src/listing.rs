use cid::Cid;
use datastore::{DatastoreExt, Entry, Key, Query, Result, Scope, Select};
use futures::stream::{self, BoxStream, Peekable};
use futures::{Stream, StreamExt};

use crate::codecs::RAW;
use crate::hashes::IDENTITY;
use crate::layout::Layout;
use crate::store::Hash;
use crate::{Block, Blockstore, verify};

/// Which blocks to list, and what of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Only blocks whose keys come after that of this one, which need not be there.
    pub after: Option<Cid>,
    /// Whether sizes are wanted too.
    pub sizes: bool,
}

/// A block of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its CID, of version 1.
    pub cid: Cid,
    /// Its size in bytes, if it was asked for.
    pub size: Option<u64>,
}

impl Blockstore {
    /// All blocks, in the order of their keys, page by page as datastores list.
    ///
    /// Where codecs are kept, a block has a CID for each codec that it was put under; else, and if
    /// none was kept, one with the codec raw. Keys that are no block's are passed over, and so are identity CIDs
    /// that somebody else stored. A block that is there from beginning to end is listed; one that comes or goes
    /// meanwhile may be.
    ///
    /// # Errors
    /// An item is an error of the datastore, and then the last one.
    pub fn list(&self, options: ListOptions) -> impl Stream<Item = Result<Listed>> + Send + '_ {
        let ListOptions { after, sizes } = options;
        let select = if sizes { Select::Sizes } else { Select::Keys };
        each(self.rows(select, after), |Row { cids, entry }| {
            let size = entry.size();
            cids.into_iter().map(|cid| Ok(Listed { cid, size })).collect()
        })
    }

    /// All blocks and their data, in the order of [`list`](Self::list), verified if the options say so.
    ///
    /// # Errors
    /// As of [`list`](Self::list) and [`get`](Self::get); the stream goes on after a damaged block.
    pub fn get_all(&self) -> impl Stream<Item = Result<Block>> + Send + '_ {
        each(self.rows(Select::Values, None), |Row { cids, entry }| {
            let data = entry.value().cloned().unwrap_or_default();
            let damage = match cids.first() {
                Some(cid) if self.inner.options.verify_reads => {
                    verify(cid, &data).err().map(|error| self.unverified(cid, error))
                }
                _ => None,
            };
            match damage {
                Some(error) => vec![Err(error)],
                None => {
                    cids.into_iter().map(|cid| Ok(Block::unverified(cid, data.clone()))).collect()
                }
            }
        })
    }

    fn rows(&self, select: Select, after: Option<Cid>) -> BoxStream<'_, Result<Row>> {
        let layout = &self.inner.layout;
        let scope = layout.blocks.clone().map_or(Scope::All, Scope::Descendants);
        let mut query = Query { scope, select, ..Query::all() };
        let mut codecs = Query::descendants(layout.codecs.clone()).keys_only();
        if let Some(cid) = after {
            match (layout.block(cid.hash()), layout.codecs_of(cid.hash())) {
                (Ok(block), Ok(codec)) => {
                    (query, codecs) = (query.after(block), codecs.after(codec));
                }
                (Err(error), _) | (_, Err(error)) => return stream::iter([Err(error)]).boxed(),
            }
        }
        let mut codecs = self.inner.options.keep_codecs.then(|| {
            let keys: BoxStream<'_, Result<Key>> = self.inner.store.query_keys(codecs).boxed();
            keys.peekable()
        });
        let entries = self.inner.store.query(query);
        stream::unfold((entries, codecs.take()), move |(mut entries, mut codecs)| async move {
            loop {
                let entry = match entries.next().await? {
                    Ok(entry) => entry,
                    Err(error) => return Some((Err(error), (entries, codecs))),
                };
                let Some(hash) = layout.multihash(entry.key()) else { continue };
                if hash.code() == IDENTITY {
                    continue;
                }
                let kept = match &mut codecs {
                    Some(codecs) => codecs_of(layout, &hash, entry.key(), codecs).await,
                    None => Ok(Vec::new()),
                };
                let row = kept.map(|mut kept| {
                    if kept.is_empty() {
                        kept.push(RAW);
                    }
                    let cids = kept.into_iter().map(|codec| Cid::new_v1(codec, hash)).collect();
                    Row { cids, entry }
                });
                return Some((row, (entries, codecs)));
            }
        })
        .boxed()
    }
}

/// A block as the datastore lists it, and its CIDs.
struct Row {
    cids: Vec<Cid>,
    entry: Entry,
}

/// What each row makes.
fn each<'s, T: Send + 's>(
    rows: BoxStream<'s, Result<Row>>,
    make: impl Fn(Row) -> Vec<Result<T>> + Send + 's,
) -> impl Stream<Item = Result<T>> + Send + 's {
    rows.flat_map(move |row| {
        stream::iter(match row {
            Ok(row) => make(row),
            Err(error) => vec![Err(error)],
        })
    })
}

/// The codecs that were kept of a block; both listings are in the order of the multihashes' base32.
async fn codecs_of(
    layout: &Layout,
    hash: &Hash,
    block: &Key,
    keys: &mut Peekable<BoxStream<'_, Result<Key>>>,
) -> Result<Vec<u64>> {
    let mut codecs = Vec::new();
    let not_after = |next: &Result<Key>| match next {
        Ok(key) => {
            let row = layout.codecs.strip_from(key);
            row.as_ref().map(Key::first_segment) <= Some(block.last_segment())
        }
        Err(_) => true,
    };
    while let Some(key) = std::pin::Pin::new(&mut *keys).next_if(not_after).await {
        // One of a block that is not there, or no codec's, is passed over.
        codecs.extend(layout.kept_codec(&key?, hash));
    }
    codecs.sort_unstable();
    Ok(codecs)
}
