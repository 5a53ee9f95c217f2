use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use datastore::Expiry;
use multiaddr::Multiaddr;

use super::entry::Address;
use super::row::AddressRow;

/// The addresses of a peer that had not expired when they were asked for, those first that are most likely to be of
/// use. What comes to be known later does not change it.
///
/// It shares what is in memory: nothing is copied but by [`to_vec`](Self::to_vec) and by taking it apart.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
///
/// use datastore::MemoryDatastore;
/// use libp2p_identity::PeerId;
/// use peerstore::{AddressTtl, Peerstore};
///
/// let peers = Peerstore::open(Arc::new(MemoryDatastore::new())).await?;
/// let (peer, addr) = (PeerId::random(), "/ip4/192.0.2.1/tcp/4001".parse().unwrap());
/// peers.addresses().add(&peer, std::slice::from_ref(&addr), AddressTtl::ADDRESS).await?;
///
/// let known = peers.addresses().get(&peer).await?;
/// assert_eq!(known, [addr]);
/// for addr in known.iter() {
///     println!("{addr}");
/// }
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Addresses {
    row: Arc<AddressRow>,
    now: Expiry,
    len: usize,
}

impl Addresses {
    pub(crate) fn new(row: Arc<AddressRow>, now: SystemTime) -> Self {
        let len = row.live(now).count();
        Self { row, now: Expiry::at(now), len }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The addresses.
    pub fn iter(&self) -> impl Iterator<Item = &Multiaddr> + Clone {
        self.entries().map(Address::addr)
    }

    /// The addresses, with all that is known of each.
    pub fn entries(&self) -> impl Iterator<Item = &Address> + Clone {
        self.row.entries.iter().filter(|entry| entry.facts.is_live(self.now))
    }

    /// The address to try first.
    pub fn first(&self) -> Option<&Multiaddr> {
        self.iter().next()
    }

    /// The address that is to be tried after so many others.
    pub fn get(&self, place: usize) -> Option<&Multiaddr> {
        self.iter().nth(place)
    }

    /// Whether an address is among them.
    pub fn contains(&self, addr: &Multiaddr) -> bool {
        self.iter().any(|known| known == addr)
    }

    /// Copies them.
    pub fn to_vec(&self) -> Vec<Multiaddr> {
        self.into()
    }
}

impl From<&Addresses> for Vec<Multiaddr> {
    fn from(addresses: &Addresses) -> Self {
        let mut copied = Self::with_capacity(addresses.len);
        copied.extend(addresses.iter().cloned());
        copied
    }
}

impl From<Addresses> for Vec<Multiaddr> {
    fn from(addresses: Addresses) -> Self {
        addresses.to_vec()
    }
}

impl IntoIterator for Addresses {
    type Item = Multiaddr;
    type IntoIter = std::vec::IntoIter<Multiaddr>;

    fn into_iter(self) -> Self::IntoIter {
        self.to_vec().into_iter()
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Addresses {}

impl<A: AsRef<[Multiaddr]> + ?Sized> PartialEq<A> for Addresses {
    fn eq(&self, other: &A) -> bool {
        self.iter().eq(other.as_ref())
    }
}

impl PartialEq<Addresses> for Vec<Multiaddr> {
    fn eq(&self, other: &Addresses) -> bool {
        other == self
    }
}
