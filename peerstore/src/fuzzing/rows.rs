use std::time::Duration;

use bytes::Bytes;
use datastore::{Expiry, Key};
use libp2p_identity::{Keypair, PeerId};
use multiaddr::Multiaddr;
use sha2::{Digest, Sha256};

use crate::address::{AddressRow, AddressSource, AddressTtl, At, Glance};
use crate::books::OwnRow;
use crate::cbor::Flaw;
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::layout;
use crate::limits::Limits;
use crate::metadata::{self, MetadataValue};
use crate::protocols::ProtocolRow;
use crate::record::VerifiedRecord;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::session::Session;
use crate::tags::TagRow;

/// A row of any book is read or has a flaw. What is read is written so that it reads the same, whatever
/// is done to it before.
///
/// # Panics
/// If that does not hold.
pub fn row(value: &[u8]) {
    let peer = owner().public().to_peer_id();
    if let Some(row) = stable::<AddressRow>(value, &peer) {
        change_addresses(&row);
    }
    glance(value, &peer);
    stable::<ProtocolRow>(value, &peer);
    stable::<ReputationRow>(value, &peer);
    if let Some(mut row) = stable::<TagRow>(value, &peer) {
        row.expire(moment(row.expiry()));
        written(&row, &peer);
    }
    for peer in [peer, hashed_id()] {
        stable::<KeyRow>(value, &peer);
        stable::<PrivateKeyRow>(value, &peer);
    }
    if let Ok(row) = OwnRow::decode(value) {
        assert_eq!(OwnRow::decode(&row.encode()), Ok(row));
    }
    if let Ok(row) = MetadataValue::from_row(&Bytes::copy_from_slice(value)) {
        assert_eq!(MetadataValue::from_row(&row.to_row().into()), Ok(row));
    }
}

/// A key is one row's or nobody's, and a segment one name's.
///
/// # Panics
/// If that does not hold.
pub fn key(bytes: &[u8]) {
    if let Some((book, peer)) = Key::new(bytes).ok().as_ref().and_then(layout::place) {
        assert_eq!(book.key(&peer).unwrap().as_bytes(), bytes);
    }
    if let Some(name) = metadata::unescape(bytes) {
        assert_eq!(metadata::escape(&name).as_bytes(), bytes);
    }
}

const SESSION: Session = Session { id: 1, began: Expiry::from_millis(1_767_225_600_000) };

/// The peer whose rows they are.
pub(super) fn owner() -> Keypair {
    Keypair::ed25519_from_bytes([7; 32]).unwrap()
}

/// Its id when ids were hashes: keys of such peers are stored.
pub(super) fn hashed_id() -> PeerId {
    let hash = Sha256::digest(owner().public().encode_protobuf());
    PeerId::from_bytes(&[&[0x12, 32], &hash[..]].concat()).unwrap()
}

fn stable<R: Row>(value: &[u8], peer: &PeerId) -> Option<R> {
    match R::decode(value, peer, &SESSION) {
        Ok(row) => {
            written(&row, peer);
            Some(row)
        }
        Err(Flaw::Damaged(why)) => {
            assert!(!why.is_empty());
            None
        }
        Err(Flaw::Newer(version)) => {
            assert!(version > 1);
            None
        }
    }
}

fn written<R: Row>(row: &R, peer: &PeerId) {
    let encoded = row.encode();
    let read = R::decode(&encoded, peer, &SESSION);
    assert_eq!(read.as_ref(), Ok(row), "{:?}", R::BOOK);
    assert_eq!(read.as_ref().map(R::encode), Ok(encoded), "{:?}", R::BOOK);
    assert!(row.weight() >= size_of::<R>());
    assert!(!(row.is_known() && row.is_empty()));
}

/// A glance says what reading says, in this session and in another.
fn glance(value: &[u8], peer: &PeerId) {
    for id in [SESSION.id, SESSION.id + 1] {
        let session = Session { id, ..SESSION };
        let now = moment(session.began);
        let read = AddressRow::decode(value, peer, &session).map(|row| Glance {
            is_live: row.live(now).next().is_some(),
            is_known: row.is_known_at(now),
        });
        assert_eq!(Glance::at(value, &session, now), read);
    }
}

type Change<'c> = dyn Fn(&mut AddressRow, At<'_>) + 'c;

/// Does to a row, at the moments at which a part of it ends, all that may be done to one.
fn change_addresses(row: &AddressRow) {
    let owner = owner();
    let peer = owner.public().to_peer_id();
    let known: Vec<Multiaddr> = row.entries.iter().map(|entry| entry.addr().clone()).collect();
    let (some, rest) = known.split_at(known.len() / 2);
    let sealed = VerifiedRecord::seal(&owner, 7, some).unwrap();
    let limits = Limits { addresses: 8, ..Limits::default() };
    let changes: [&Change<'_>; 8] = [
        &|row, at| row.expire(at.now),
        &|row, at| row.add(&peer, rest, AddressTtl::ADDRESS, AddressSource::Routing, at),
        &|row, at| row.set(&peer, some, AddressTtl::TEMP, AddressSource::Signed, at),
        &|row, at| row.patch(&peer, some, AddressTtl::Permanent, AddressSource::User, at),
        &|row, at| row.update(AddressTtl::ADDRESS, AddressTtl::For(Duration::ZERO), at),
        &|row, at| row.connected(&peer, rest, AddressSource::Push, at),
        &|row, at| row.disconnected(at),
        &|row, at| {
            drop(row.consume(&sealed, AddressTtl::TEMP, Duration::from_secs(1), at));
        },
    ];
    for now in [SESSION.began, row.expiry()].map(moment) {
        let at = At { now, session: &SESSION, limits: &limits };
        let mut all = row.clone();
        for change in changes {
            let mut changed = row.clone();
            change(&mut changed, at);
            written(&changed, &peer);
            assert!(changed.live(now).count() <= changed.entries.len());
            change(&mut all, at);
            written(&all, &peer);
        }
        all.clear(now);
        assert!(all.live(now).next().is_none());
    }
}

fn moment(expiry: Expiry) -> std::time::SystemTime {
    expiry.time().or_else(|| SESSION.began.time()).unwrap()
}
