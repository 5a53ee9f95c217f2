use std::sync::Arc;

use datastore::{Clock, Datastore, ExpirySweeper, Result, SystemClock};
use futures::Stream;
use libp2p_identity::PeerId;

use crate::access::Core;
use crate::books::{
    AddressBook, KeyBook, MetadataBook, OwnRecord, ProtocolBook, ReputationBook, TagBook,
};
use crate::events::PeerEvents;
use crate::gc::{self, GcReport};
use crate::interop::ImportedPeer;
use crate::listing::{self, PeerPage, PeerQuery};
use crate::options::{GcStrategy, PeerstoreOptions};
use crate::transfer::{self, PeerImport, PeerImportOptions};

/// What a node knows of its peers, in a datastore. Clones are one peerstore.
///
/// It has the datastore's part below `/peers` for itself: one peerstore at a time writes there. Changes of one peer
/// come one after the other, those of different peers beside each other; reads wait for no change.
#[derive(Clone, Debug)]
pub struct Peerstore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    core: Arc<Core>,
    // `None` if collections are called for.
    collector: Option<ExpirySweeper>,
}

impl Peerstore {
    /// Opens the peerstore of a datastore, as [`PeerstoreOptions::default`] says.
    ///
    /// What was connected when it was last open is recently connected now.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    pub async fn open(store: Arc<dyn Datastore>) -> Result<Self> {
        let clock = Arc::new(SystemClock::new());
        Self::open_with(store, clock, PeerstoreOptions::default()).await
    }

    /// Opens the peerstore of a datastore with a clock and options of the caller's.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Internal`](datastore::ErrorKind::Internal) if the thread of the collection cannot
    /// be started.
    pub async fn open_with(
        store: Arc<dyn Datastore>,
        clock: Arc<dyn Clock>,
        options: PeerstoreOptions,
    ) -> Result<Self> {
        let strategy = options.gc.strategy;
        let core = Arc::new(Core::open(store, clock, options).await?);
        let collector = match strategy {
            GcStrategy::Interval => Some(gc::start(&core)?),
            GcStrategy::Manual => None,
        };
        Ok(Self { shared: Arc::new(Shared { core, collector }) })
    }

    /// Addresses and signed records.
    pub fn addresses(&self) -> AddressBook<'_> {
        AddressBook::new(&self.shared.core)
    }

    /// Public and private keys.
    pub fn keys(&self) -> KeyBook<'_> {
        KeyBook::new(self.core())
    }

    /// Protocols.
    pub fn protocols(&self) -> ProtocolBook<'_> {
        ProtocolBook::new(self.core())
    }

    /// Anything else, by name.
    pub fn metadata(&self) -> MetadataBook<'_> {
        MetadataBook::new(self.core())
    }

    /// Tags.
    pub fn tags(&self) -> TagBook<'_> {
        TagBook::new(self.core())
    }

    /// What became of requests.
    pub fn reputation(&self) -> ReputationBook<'_> {
        ReputationBook::new(self.core())
    }

    /// The record that the node seals of itself.
    pub fn own_record(&self) -> OwnRecord<'_> {
        OwnRecord::new(self.core())
    }

    /// What changes from now on.
    ///
    /// # Errors
    /// [`Closed`](datastore::ErrorKind::Closed).
    pub fn events(&self) -> Result<PeerEvents> {
        self.core().events().subscribe()
    }

    /// Every peer of which anything is known, once, ordered by the keys of their rows.
    pub fn peers(&self) -> impl Stream<Item = Result<PeerId>> + Send + use<'_> {
        listing::known(self.core(), None)
    }

    /// One page of the peers that a query finds.
    ///
    /// # Errors
    /// As [`Datastore::query_page`].
    pub async fn page(&self, query: &PeerQuery) -> Result<PeerPage> {
        listing::page(self.core(), query).await
    }

    /// Whether anything is known of a peer, beside which of its records is too old.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    pub async fn has(&self, peer: &PeerId) -> Result<bool> {
        self.core().check_open()?;
        self.core().knows(peer).await
    }

    /// Removes all that is known of a peer, but for the sequence number below which its records are too old, which
    /// is kept for [`watermark_ttl`](PeerstoreOptions::watermark_ttl).
    ///
    /// # Errors
    /// As [`Datastore::commit`].
    pub async fn remove(&self, peer: &PeerId) -> Result<()> {
        self.take_away(peer, true).await
    }

    /// Removes all that is known of a peer: old signed records are taken again.
    ///
    /// # Errors
    /// As [`Datastore::commit`].
    pub async fn forget(&self, peer: &PeerId) -> Result<()> {
        self.take_away(peer, false).await
    }

    /// Takes in what another implementation, or an export, knows of a peer, beside what is known of it: all in one
    /// commit. What is refused, such as a signed record that does not verify, is left out and named.
    ///
    /// # Errors
    /// As [`Datastore::commit`]; [`PermissionDenied`](datastore::ErrorKind::PermissionDenied) for a private key
    /// over a remote store.
    pub async fn import(
        &self,
        peer: &ImportedPeer,
        options: &PeerImportOptions,
    ) -> Result<PeerImport> {
        transfer::import(self.core(), peer, options).await
    }

    /// All that is known of a peer, for [`import`](Self::import) elsewhere, or for the rows of
    /// [other implementations](crate::interop); its private key only if asked for.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    pub async fn export(&self, peer: &PeerId, private_keys: bool) -> Result<Option<ImportedPeer>> {
        transfer::export(self.core(), peer, private_keys).await
    }

    /// Takes away what has expired. It costs what has expired, not what is stored; dropping the future
    /// stops after the page that is being written.
    ///
    /// # Errors
    /// As [`Datastore::commit`]; what was taken away is gone.
    pub async fn collect(&self) -> Result<GcReport> {
        gc::collect(self.core()).await
    }

    /// Makes all that was acknowledged durable and ends the peerstore: afterwards every call answers
    /// [`Closed`](datastore::ErrorKind::Closed), and streams end. The datastore stays open: who opened it closes it.
    ///
    /// # Errors
    /// As [`Datastore::sync`]; it is closed all the same.
    pub async fn close(&self) -> Result<()> {
        if !self.core().shut() {
            return Ok(());
        }
        if let Some(collector) = &self.shared.collector {
            collector.stop().await;
        }
        self.core().events().end();
        self.core().store().sync().await
    }

    fn core(&self) -> &Core {
        &self.shared.core
    }

    async fn take_away(&self, peer: &PeerId, keep_watermark: bool) -> Result<()> {
        let mut change = self.core().change(peer).await?;
        change.take_away(keep_watermark).await?;
        change.commit().await
    }
}
