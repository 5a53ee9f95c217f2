use datastore::Key;
use libp2p_identity::PeerId;

use crate::layout;

/// The peer that a row is of, wherever it lies; `None` for rows of the peerstore itself.
pub(super) fn owner(key: &Key) -> Option<PeerId> {
    if let Some((_, peer)) = layout::place(key) {
        return Some(peer);
    }
    if let Some(entry) = layout::METADATA.strip_from(key) {
        return layout::peer_of(entry.first_segment());
    }
    if let Some(aside) = layout::QUARANTINE.strip_from(key) {
        return layout::peer_of(aside.segments().nth(1)?);
    }
    // An entry of the index ends as the key of the row does that it is for.
    let entry = layout::EXPIRY.strip_from(key)?;
    layout::peer_of(entry.last_segment())
}

#[cfg(test)]
mod tests {
    use datastore::{Expiry, ExpiryIndex, MemoryDatastore, Op};
    use futures::executor::block_on;

    use super::*;
    use crate::layout::Book;

    #[test]
    fn all_rows_of_a_peer_are_its_own() {
        let peer = PeerId::random();
        let entry = layout::metadata_of(&peer).unwrap().child("name").unwrap();
        let rows = Book::ALL.map(|book| book.key(&peer).unwrap());
        for key in rows.into_iter().chain([entry]) {
            assert_eq!(owner(&key), Some(peer), "{key}");
            assert_eq!(owner(&layout::quarantine(&key).unwrap()), Some(peer), "{key}");
        }
        let index = block_on(ExpiryIndex::open(&MemoryDatastore::new(), layout::EXPIRY)).unwrap();
        let row = Book::Tags.key(&peer).unwrap();
        let entry = index.schedule(&row, None, Expiry::from_millis(1)).unwrap();
        assert!(matches!(entry, Op::Put { key, .. } if owner(&key) == Some(peer)));
    }

    #[test]
    fn rows_of_the_peerstore_are_no_peers() {
        let own = layout::OWN.child(layout::peer_text(&PeerId::random())).unwrap();
        let watermark = layout::EXPIRY.child("watermark").unwrap();
        for key in [own, watermark, layout::OWN.child("census").unwrap()] {
            assert_eq!(owner(&key), None, "{key}");
        }
    }
}
