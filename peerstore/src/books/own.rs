use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Error, ErrorKind, Key, Query, Result};
use futures::TryStreamExt;
use libp2p_identity::{Keypair, PeerId};
use multiaddr::Multiaddr;

use crate::access::{Core, newer};
use crate::address::AddressRow;
use crate::cbor::{Decoder, Encoder, Flaw};
use crate::events::PeerEvent;
use crate::layout;
use crate::record::{VerifiedRecord, next_sequence};

/// The signed record that the node makes of itself, for others.
///
/// Its sequence number is stored before the record is handed out, and never goes back: not with the clock, and
/// not over a restart.
#[derive(Clone, Copy, Debug)]
pub struct OwnRecord<'p> {
    core: &'p Core,
}

/// `/peers/self/<p>`: `{1: sequence, 2: envelope}`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct OwnRow {
    pub(crate) sequence: u64,
    pub(crate) envelope: Bytes,
}

const SEQUENCE: u64 = 1;
const ENVELOPE: u64 = 2;

impl<'p> OwnRecord<'p> {
    pub(crate) fn new(core: &'p Core) -> Self {
        Self { core }
    }

    /// The record that was sealed last under this id: the bytes of its envelope.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read);
    /// [`ErrorKind::Corrupt`] for a row that cannot be read.
    pub async fn get(&self, peer: &PeerId) -> Result<Option<Bytes>> {
        self.core.check_open()?;
        Ok(self.load(&key(peer)?).await?.map(|row| row.envelope))
    }

    /// Seals a record with these addresses, under a greater sequence number than any before, here or in a record of
    /// this id that was taken in; if it would say what the last one says, it is the last one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what cannot be signed; as [`get`](Self::get), and as
    /// [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn seal(&self, keypair: &Keypair, addrs: &[Multiaddr]) -> Result<VerifiedRecord> {
        let peer = keypair.public().to_peer_id();
        let key = key(&peer)?;
        // One at a time: two records of one number would refute each other.
        let mut change = self.core.change(&peer).await?;
        // What the node has sealed elsewhere, and others have.
        let taken = change.row::<AddressRow>().await?.last_sequence();
        let last = self.load(&key).await?;
        let last_sequence = last.as_ref().map(|row| row.sequence).max(taken);
        let known = last.as_ref().and_then(|row| VerifiedRecord::verify(row.envelope.clone()).ok());
        let is_last = |record: &VerifiedRecord| Some(record.sequence()) == last_sequence;
        if let Some(record) = known.filter(|record| is_last(record) && record.addresses() == addrs)
        {
            return Ok(record);
        }
        let sequence = next_sequence(last_sequence, self.core.now())?;
        let record = VerifiedRecord::seal(keypair, sequence, addrs)?;
        let row = OwnRow { sequence, envelope: record.envelope().clone() };
        self.replace(key, last, row).await?;
        Ok(record)
    }

    /// Whether a record was sealed under this id.
    pub(crate) async fn is_kept(&self, peer: &PeerId) -> Result<bool> {
        self.core.store().has(&key(peer)?).await
    }

    /// Writes a row; for who has the lock of the peer.
    async fn replace(&self, key: Key, last: Option<OwnRow>, row: OwnRow) -> Result<()> {
        // Known to be on the disk before anybody sees the number.
        let batch = Batch::new().put(key, row.encode()).synced();
        self.core.store().commit(batch).await?;
        let previous = last.map(|row| row.envelope);
        let event = PeerEvent::OwnRecord { previous, current: Some(row.envelope) };
        self.core.events().publish(vec![event]);
        Ok(())
    }

    async fn load(&self, key: &Key) -> Result<Option<OwnRow>> {
        let Some(value) = self.core.store().get(key).await? else { return Ok(None) };
        let row = OwnRow::decode(&value).map_err(|flaw| match flaw {
            // Without the number, the next record might be refused by all who have the last one: not to be guessed.
            Flaw::Damaged(why) => {
                Error::new(ErrorKind::Corrupt, format!("{key} cannot be read: {why}"))
            }
            Flaw::Newer(version) => newer(key, version),
        })?;
        Ok(Some(row))
    }
}

/// Copies the records that a node has sealed of itself, and says how many were not there, or older.
pub(crate) async fn copy_own_records(from: &Core, to: &Core) -> Result<u64> {
    let (from, to) = (OwnRecord::new(from), OwnRecord::new(to));
    let mut copied = 0;
    let mut keys = from.core.store().query_keys(Query::descendants(layout::OWN));
    while let Some(key) = keys.try_next().await? {
        let Some(peer) = layout::peer_of(key.last_segment()) else { continue };
        let Some(row) = from.load(&key).await? else { continue };
        let _change = to.core.change(&peer).await?;
        let last = to.load(&key).await?;
        if last.as_ref().is_none_or(|last| last.sequence < row.sequence) {
            to.replace(key.detached(), last, row).await?;
            copied += 1;
        }
    }
    Ok(copied)
}

impl OwnRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Encoder::row(2);
        row.uint(SEQUENCE);
        row.uint(self.sequence);
        row.uint(ENVELOPE);
        row.bytes(&self.envelope);
        row.finish()
    }

    pub(crate) fn decode(value: &[u8]) -> std::result::Result<Self, Flaw> {
        let (mut row, fields) = Decoder::row(value)?;
        let mut own = Self::default();
        for _ in 0..fields {
            match row.uint()? {
                SEQUENCE => own.sequence = row.uint()?,
                ENVELOPE => own.envelope = Bytes::copy_from_slice(row.bytes()?),
                _ => row.skip()?,
            }
        }
        row.end()?;
        Ok(own)
    }
}

fn key(peer: &PeerId) -> Result<Key> {
    layout::OWN.child(layout::peer_text(peer))
}
