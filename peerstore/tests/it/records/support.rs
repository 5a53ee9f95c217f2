//! Envelopes put together by hand, and tables of what differs.

use std::collections::BTreeSet;

use libp2p_identity::Keypair;
use multiaddr::Multiaddr;
use peerstore::VerifiedRecord;

/// What a record says, which a mutation of its envelope must not change.
pub(crate) type Statement = (String, u64, Vec<Multiaddr>);

pub(crate) fn statement(record: &VerifiedRecord) -> Statement {
    (record.peer().to_string(), record.sequence(), record.addresses().to_vec())
}

pub(crate) fn keypair(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

pub(crate) fn addrs<const N: usize>(texts: [&str; N]) -> Vec<Multiaddr> {
    texts.into_iter().map(|text| text.parse().unwrap()).collect()
}

/// A protobuf field that holds bytes.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], delimited(bytes)].concat()
}

/// A protobuf field that holds a number.
pub(crate) fn number_field(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3], uvarint(value)].concat()
}

/// A signed envelope as it is specified, with what is asked for in place of what belongs there.
pub(crate) struct Envelope<'k> {
    pub(crate) signer: &'k Keypair,
    pub(crate) domain: &'static str,
    pub(crate) payload_type: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl<'k> Envelope<'k> {
    pub(crate) fn of(signer: &'k Keypair, payload: Vec<u8>) -> Self {
        Self { signer, domain: "libp2p-peer-record", payload_type: vec![3, 1], payload }
    }

    pub(crate) fn sign(&self) -> Vec<u8> {
        let parts = [self.domain.as_bytes(), &self.payload_type, &self.payload];
        let signed = parts.map(delimited).concat();
        [
            field(1, &self.signer.public().encode_protobuf()),
            field(2, &self.payload_type),
            field(3, &self.payload),
            field(5, &self.signer.sign(&signed).unwrap()),
        ]
        .concat()
    }
}

/// The payload of a record: its peer, number, and addresses as they are in bytes.
pub(crate) fn payload(keypair: &Keypair, sequence: u64, addrs: &[&[u8]]) -> Vec<u8> {
    let mut payload = field(1, &keypair.public().to_peer_id().to_bytes());
    payload.extend(number_field(2, sequence));
    payload.extend(addrs.iter().flat_map(|addr| field(3, &field(1, addr))));
    payload
}

fn delimited(bytes: &[u8]) -> Vec<u8> {
    [uvarint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn uvarint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Where we differ, case by case, and why. A row that no case needs fails.
pub(crate) struct Differences {
    rows: &'static [(&'static str, &'static str)],
    needed: BTreeSet<&'static str>,
}

impl Differences {
    pub(crate) fn new(rows: &'static [(&'static str, &'static str)]) -> Self {
        Self { rows, needed: BTreeSet::new() }
    }

    /// Whether a case is in the table, which then is needed.
    pub(crate) fn explain(&mut self, case: &str) -> bool {
        let row = self.rows.iter().find(|(name, _)| *name == case);
        row.is_some_and(|(name, _)| {
            self.needed.insert(name);
            true
        })
    }

    pub(crate) fn finish(self) {
        for (name, reason) in self.rows {
            assert!(self.needed.contains(name), "{name} does not differ, though {reason}");
        }
    }
}
