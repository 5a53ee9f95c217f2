use std::sync::Arc;

use bytes::Bytes;
use datastore::Result;
use futures::Stream;
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use crate::access::Core;
use crate::address::{AddressRow, AddressSource, AddressStream, AddressTtl, Addresses, At};
use crate::listing;
use crate::record::{Consumed, OpenedEnvelope, VerifiedRecord, check_length};

/// The addresses of peers, each with a time to live.
///
/// An address that ends with the peer's own `/p2p/…` is the address without it; one that the peer
/// [cannot have](crate::is_address_of) is passed over. Dropping the future of a change happens wholly or
/// not at all, where the datastore's batches do.
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
/// peers.addresses().add(&peer, &[addr], AddressTtl::ADDRESS).await?;
/// assert_eq!(peers.addresses().get(&peer).await?.len(), 1);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AddressBook<'p> {
    core: &'p Arc<Core>,
}

impl<'p> AddressBook<'p> {
    pub(crate) fn new(core: &'p Arc<Core>) -> Self {
        Self { core }
    }

    /// The addresses of a peer that have not expired, those first that are most likely to be of use.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read);
    /// [`Incompatible`](datastore::ErrorKind::Incompatible) for a row of a later release.
    pub async fn get(&self, peer: &PeerId) -> Result<Addresses> {
        let row = self.core.read::<AddressRow>(peer).await?;
        Ok(Addresses::new(row, self.core.now()))
    }

    /// The addresses of a peer, those of now first, then each that comes to be known; none twice. It ends when
    /// the peerstore closes, and is cancelled by dropping it.
    pub fn stream(&self, peer: &PeerId) -> AddressStream {
        AddressStream::new(Arc::clone(self.core), *peer)
    }

    /// Adds addresses. A lifetime grows by it, and never shrinks; one of nothing adds nothing.
    ///
    /// # Errors
    /// As [`get`](Self::get), and as [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn add(
        &self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
    ) -> Result<()> {
        self.add_from(peer, addrs, ttl, AddressSource::User).await
    }

    /// As [`add`](Self::add), from a source that is named: see [`AddressSource`] for which replaces what.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn add_from(
        &self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
        source: AddressSource,
    ) -> Result<()> {
        let ttl = ttl.into();
        self.change(peer, |row, at| row.add(peer, addrs, ttl, source, at)).await
    }

    /// Sets the lifetime of addresses, known or new, to this one; of nothing, it takes them away.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn set(
        &self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
    ) -> Result<()> {
        let ttl = ttl.into();
        self.change(peer, |row, at| row.set(peer, addrs, ttl, AddressSource::User, at)).await
    }

    /// Adds addresses that are all that a source says now: what it has said before and does not say any more goes, as
    /// the table of [`AddressSource`] tells. What identify and its push bring is this.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn announce(
        &self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
        source: AddressSource,
    ) -> Result<()> {
        let ttl = ttl.into();
        self.change(peer, |row, at| row.announce(peer, addrs, ttl, source, at)).await
    }

    /// Makes these the addresses of the peer, and no others: js-libp2p's `patch`.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn replace(
        &self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
    ) -> Result<()> {
        let ttl = ttl.into();
        self.change(peer, |row, at| row.patch(peer, addrs, ttl, AddressSource::User, at)).await
    }

    /// Gives those addresses of a peer that were given the lifetime `old` the lifetime `new`, from now on.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn update(
        &self,
        peer: &PeerId,
        old: impl Into<AddressTtl>,
        new: impl Into<AddressTtl>,
    ) -> Result<()> {
        let (old, new) = (old.into(), new.into());
        self.change(peer, |row, at| row.update(old, new, at)).await
    }

    /// Takes all addresses of a peer away, and its signed record. That no older record is taken
    /// is still known.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn clear(&self, peer: &PeerId) -> Result<()> {
        self.change(peer, |row, at| row.clear(at.now)).await
    }

    /// The peer is connected by these addresses: they do not expire, and no limit drops them, until
    /// [`disconnected`](Self::disconnected), or until the peerstore is opened again.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn connected(&self, peer: &PeerId, addrs: &[Multiaddr]) -> Result<()> {
        self.change(peer, |row, at| row.connected(peer, addrs, AddressSource::Identify, at)).await
    }

    /// The peer is not connected any more: what it was connected by expires after
    /// [`RECENTLY_CONNECTED`](AddressTtl::RECENTLY_CONNECTED) from now.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn disconnected(&self, peer: &PeerId) -> Result<()> {
        self.change(peer, |row, at| row.disconnected(at)).await
    }

    /// A dial of the peer by this address went well.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn succeeded(&self, peer: &PeerId, addr: &Multiaddr) -> Result<()> {
        self.change(peer, |row, at| row.succeeded(peer, addr, at)).await
    }

    /// A dial of the peer by this address failed.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn failed(&self, peer: &PeerId, addr: &Multiaddr) -> Result<()> {
        self.change(peer, |row, _| row.failed(peer, addr)).await
    }

    /// Takes a signed peer record: the bytes of its envelope, as they came. It is verified, and unless it is
    /// older than what was taken before, its addresses become those that are certified: a newer one takes those
    /// away that one before had and it does not have, whoever else has said them, but for connected ones and for
    /// what the user has said.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for an envelope that does not verify, is of another
    /// peer than it was signed by, or is larger than
    /// [`Limits::envelope_bytes`](crate::Limits::envelope_bytes); and as [`add`](Self::add).
    pub async fn consume(
        &self,
        envelope: impl Into<Bytes>,
        ttl: impl Into<AddressTtl>,
    ) -> Result<Consumed> {
        let (envelope, ttl) = (envelope.into(), ttl.into());
        // Before it is read: that costs what its length is.
        check_length(&envelope, self.core.options().limits.envelope_bytes)?;
        let envelope = OpenedEnvelope::open(envelope)?;
        if let Some(peer) = envelope.claimed_peer()
            && let Some(consumed) = self.consume_again(&peer, &envelope, ttl).await?
        {
            return Ok(consumed);
        }
        self.consume_verified(&envelope.verify()?, ttl).await
    }

    /// Takes an envelope that is kept of the peer already, byte for byte: it was verified when it came in. `None` if
    /// it is another one; no change of the peer waits while that is verified.
    async fn consume_again(
        &self,
        peer: &PeerId,
        envelope: &OpenedEnvelope,
        ttl: AddressTtl,
    ) -> Result<Option<Consumed>> {
        let core = self.core;
        let mut change = core.change(peer).await?;
        let row = change.row::<AddressRow>().await?;
        if !row.holds(envelope.bytes()) {
            return Ok(None);
        }
        let record = envelope.trust()?;
        let consumed = row.consume(&record, ttl, core.options().watermark_ttl, core.at())?;
        change.commit().await?;
        Ok(Some(consumed))
    }

    /// As [`consume`](Self::consume), of a record that was verified already.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for an envelope that is larger than
    /// [`Limits::envelope_bytes`](crate::Limits::envelope_bytes); and as [`add`](Self::add).
    pub async fn consume_verified(
        &self,
        record: &VerifiedRecord,
        ttl: impl Into<AddressTtl>,
    ) -> Result<Consumed> {
        let (ttl, peer) = (ttl.into(), record.peer());
        let watermark_ttl = self.core.options().watermark_ttl;
        Ok(self.change(peer, |row, at| row.consume(record, ttl, watermark_ttl, at)).await??)
    }

    /// The signed record of a peer: the bytes of its envelope as they came; `None` once its addresses have
    /// expired.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn record(&self, peer: &PeerId) -> Result<Option<Bytes>> {
        let row = self.core.read::<AddressRow>(peer).await?;
        Ok(row.live_record(self.core.now()).map(|record| record.envelope.clone()))
    }

    /// The peers that have addresses which have not expired, ordered by the keys of their rows.
    pub fn peers(&self) -> impl Stream<Item = Result<PeerId>> + Send + use<'p> {
        listing::with_addresses(self.core)
    }

    async fn change<T>(
        &self,
        peer: &PeerId,
        apply: impl FnOnce(&mut AddressRow, At<'_>) -> T,
    ) -> Result<T> {
        let core = self.core;
        let mut change = core.change(peer).await?;
        let row = change.row::<AddressRow>().await?;
        let at = core.at();
        let done = apply(row, at);
        change.commit().await?;
        Ok(done)
    }
}
