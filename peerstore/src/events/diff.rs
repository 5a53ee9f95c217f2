use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::PeerEvent;
use crate::access::Rows;
use crate::address::AddressRow;
use crate::keys::KeyRow;
use crate::protocols::ProtocolRow;

/// What is told of a change of a peer's rows.
pub(crate) fn between(peer: &PeerId, discovered: bool, rows: &Rows) -> Vec<PeerEvent> {
    let peer = *peer;
    let mut events = Vec::new();
    if discovered {
        events.push(PeerEvent::Discovered { peer });
    }
    if let Some((old, new)) = rows.addresses.changed() {
        let (previous, current) = (addresses(old), addresses(new));
        if previous != current {
            events.push(PeerEvent::Addresses { peer, previous, current });
        }
        let envelope = |row: &AddressRow| Some(row.record.as_ref()?.envelope.clone());
        let (previous, current) = (envelope(old), envelope(new));
        if previous != current {
            events.push(PeerEvent::Record { peer, previous, current });
        }
    }
    if let Some((old, new)) = rows.protocols.changed() {
        let names = |row: &ProtocolRow| row.iter().map(ToOwned::to_owned).collect();
        let (previous, current) = (names(old), names(new));
        events.push(PeerEvent::Protocols { peer, previous, current });
    }
    if let Some((old, new)) = rows.keys.changed() {
        let key = |row: &KeyRow| row.key().cloned().map(Box::new);
        let (previous, current) = (key(old), key(new));
        events.push(PeerEvent::PublicKey { peer, previous, current });
    }
    events
}

fn addresses(row: &AddressRow) -> Vec<Multiaddr> {
    let mut addresses: Vec<_> = row.entries.iter().map(|entry| entry.addr().clone()).collect();
    addresses.sort_unstable();
    addresses
}
