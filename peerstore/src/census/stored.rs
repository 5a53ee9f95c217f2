//! The sums between closing and opening: `/peers/self/census`, `{1: addresses, 2: watermarks, …}` in the order of
//! [`Kind::ALL`].

use datastore::{Batch, Datastore, DatastoreExt, Key, Result, key};

use super::counts::{Kind, PeerCounts};
use super::ledger::Census;
use crate::cbor::{Decoder, Encoder, Flaw};
use crate::options::Persistence;

const ROW: Key = key!("/peers/self/census");

impl Census {
    /// The census of a datastore as it was when it was closed. Taken away at once: what comes to be from now on is
    /// not in it.
    ///
    /// What is written at the end is of no use where a restart forgets peers.
    pub(crate) async fn open(store: &dyn Datastore, persistence: Persistence) -> Result<Self> {
        if !store.capabilities().writable {
            return Ok(Self::new(None));
        }
        let Some(row) = store.get(&ROW).await? else { return Ok(Self::new(None)) };
        store.delete(&ROW).await?;
        let counts = decode(&row).inspect_err(|flaw| {
            tracing::warn!(
                ?flaw,
                "how many peers there are cannot be read, and is counted when it is needed"
            );
        });
        Ok(Self::new(counts.ok().filter(|_| persistence == Persistence::All)))
    }

    /// Ends it, and writes what there is.
    pub(crate) async fn shut(&self, store: &dyn Datastore, persistence: Persistence) -> Result<()> {
        let counts = self.close().await.filter(|_| persistence == Persistence::All);
        match counts.filter(|_| store.capabilities().writable) {
            Some(counts) => store.commit(Batch::new().put(ROW, encode(&counts))).await,
            None => Ok(()),
        }
    }
}

fn encode(counts: &PeerCounts) -> Vec<u8> {
    let mut row = Encoder::row(Kind::ALL.len());
    for (field, kind) in (1..).zip(Kind::ALL) {
        row.uint(field);
        row.uint(counts.of(kind));
    }
    row.finish()
}

fn decode(row: &[u8]) -> std::result::Result<PeerCounts, Flaw> {
    let (mut row, fields) = Decoder::row(row)?;
    let mut counts = PeerCounts::default();
    let mut left = Kind::ALL.len();
    for _ in 0..fields {
        let field = row.uint()?;
        match (1..).zip(Kind::ALL).find(|(number, _)| *number == field) {
            Some((_, kind)) => {
                *counts.of_mut(kind) = row.uint()?;
                left = left.saturating_sub(1);
            }
            None => row.skip()?,
        }
    }
    row.end()?;
    if left > 0 { Err(Flaw::Damaged("not all books are counted")) } else { Ok(counts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let counts = PeerCounts {
            addresses: 1,
            watermarks: 2,
            protocols: 3,
            keys: 4,
            private_keys: 5,
            tags: 6,
            reputation: 7,
            metadata: 1000,
        };
        let bytes =
            b"\xa9\x00\x01\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05\x06\x06\x07\x07\x08\x19\x03\xe8";
        assert_eq!(encode(&counts), bytes);
        assert_eq!(decode(bytes), Ok(counts));
        let with_more = b"\xaa\x00\x01\x01\x01\x02\x02\x03\x03\x04\x04\x05\x05\x06\x06\x07\x07\x08\x19\x03\xe8\x18\x63\xf6";
        assert_eq!(decode(with_more), Ok(counts));
    }

    #[test]
    fn a_row_that_does_not_say_all_is_damaged() {
        for damaged in [&b"\xa1\x00\x01"[..], b"\xa2\x00\x01\x01\x01", b"", b"\xff"] {
            assert!(matches!(decode(damaged), Err(Flaw::Damaged(_))), "{damaged:?}");
        }
    }
}
