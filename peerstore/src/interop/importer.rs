use std::collections::BTreeMap;

use bytes::Bytes;
use libp2p_identity::PeerId;

use super::imported::ImportedPeer;
use super::row::read_row;
use super::skipped::SkippedRow;

/// Takes rows one at a time, in any order, and puts together what they say of each peer.
///
/// It holds all peers until [`finish`](Importer::finish), since the books of one peer lie far apart in
/// the order of keys. Where that is too much memory, read rows by [`read_row`] and add what each says
/// to a peerstore, which takes no more than one row.
#[derive(Debug, Default)]
pub struct Importer {
    peers: BTreeMap<PeerId, ImportedPeer>,
    skipped: Vec<SkippedRow>,
}

/// What an [`Importer`] was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The peers, in the order of their ids.
    pub peers: Vec<ImportedPeer>,
    /// What was not taken in, in the order in which it came.
    pub skipped: Vec<SkippedRow>,
}

impl Importer {
    /// An importer without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one row.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        let content = read_row(key, value);
        if !content.skipped.is_empty() {
            let key = Bytes::copy_from_slice(key);
            let skipped = content.skipped.into_iter();
            self.skipped.extend(skipped.map(|reason| SkippedRow { key: key.clone(), reason }));
        }
        if let Some(peer) = content.peer {
            let known = self.peers.entry(peer.peer);
            known.or_insert_with(|| ImportedPeer::new(peer.peer)).append(peer);
        }
    }

    /// The peers, and what was skipped.
    pub fn finish(self) -> Imported {
        let mut peers: Vec<_> = self.peers.into_values().collect();
        peers.iter_mut().for_each(ImportedPeer::tidy);
        Imported { peers, skipped: self.skipped }
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(K, V)> for Importer {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, rows: I) {
        for (key, value) in rows {
            self.push(key.as_ref(), value.as_ref());
        }
    }
}
