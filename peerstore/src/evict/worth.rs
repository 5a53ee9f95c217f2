use std::time::SystemTime;

use datastore::{Expiry, Result};

use crate::access::{Change, Core};
use crate::address::{Address, AddressRow, AddressTtl};
use crate::keys::PrivateKeyRow;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::tags::TagRow;

/// What a peer is worth: the order of the fields is the order in which they decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    /// It is connected, or its private key is kept: it never goes.
    pub(super) stays: bool,
    pub(super) proven: bool,
    /// It has a tag, or a permanent address.
    marked: bool,
    certified: bool,
    last_success: Option<SystemTime>,
    /// When the last of it expires.
    expiry: Option<Expiry>,
}

impl Worth {
    /// What a peer is worth that nobody else changes.
    pub(super) async fn of(core: &Core, change: &mut Change<'_>) -> Result<Self> {
        let (mut worth, now) = (Self::default(), core.now());
        worth.note_addresses(change.row::<AddressRow>().await?);
        worth.note_reputation(change.row::<ReputationRow>().await?);
        worth.note_tags(change.row::<TagRow>().await?, now);
        worth.stays |= !change.row::<PrivateKeyRow>().await?.is_empty();
        Ok(worth)
    }

    pub(super) fn note_addresses(&mut self, row: &AddressRow) {
        for entry in &row.entries {
            self.stays |= entry.is_connected();
            self.marked |= entry.ttl() == AddressTtl::Permanent;
            self.last_success = self.last_success.max(entry.last_success());
        }
        self.certified |= row.record.is_some();
        let watermark = row.watermark.as_ref().map(|watermark| watermark.until);
        let last = row.entries.iter().map(Address::expiry).max();
        self.expiry = self.expiry.max(last).max(watermark);
    }

    pub(super) fn note_reputation(&mut self, row: &ReputationRow) {
        self.proven |= row.is_proven();
        self.last_success = self.last_success.max(row.last_success());
    }

    pub(super) fn note_tags(&mut self, row: &TagRow, now: SystemTime) {
        self.marked |= row.live(now).next().is_some();
    }
}
