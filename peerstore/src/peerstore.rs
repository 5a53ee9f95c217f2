use std::sync::Arc;

use datastore::{
    Clock, Datastore, Error, ErrorKind, ExpirySweeper, Outcome, PendingWrites, Result, SystemClock,
    WriteBehind,
};
use futures::Stream;
use libp2p_identity::PeerId;

use crate::access::{Core, Counts};
use crate::books::{
    AddressBook, KeyBook, MetadataBook, OwnRecord, ProtocolBook, ReputationBook, TagBook,
};
use crate::census::PeerCounts;
use crate::events::PeerEvents;
use crate::gc::{self, GcReport, GcStats};
use crate::interop::ImportedPeer;
use crate::listing;
use crate::migration::{self, PeerCopied, PeerCopyOptions, PeersCopied};
use crate::options::PeerstoreOptions;
use crate::peer::{self, Peer};
use crate::query::{self, Any, PeerPage, PeerQuery, Where};
use crate::record::Consumed;
use crate::transfer::{self, PeerImport, PeerImportOptions};
use crate::update::{self, PeerUpdate, Strategy};

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
    ending: async_lock::Mutex<Ending>,
}

/// How far a close has come: one that was dropped on its way is taken up by the next.
#[derive(Debug, Default)]
struct Ending {
    /// What became of writing how many peers there are.
    counted: Option<Result<()>>,
    is_over: bool,
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
        let core = Arc::new(Core::open(store, clock, options).await?);
        let collector = gc::start(&core)?;
        let ending = async_lock::Mutex::default();
        Ok(Self { shared: Arc::new(Shared { core, collector, ending }) })
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

    /// Every peer of which anything is known that has not expired, once, ordered by the keys of their rows.
    pub fn peers(&self) -> impl Stream<Item = Result<PeerId>> + Send + use<'_> {
        listing::known(self.core(), None)
    }

    /// One page of the peers that a query finds.
    ///
    /// # Errors
    /// As [`Datastore::query_page`]; [`InvalidInput`](datastore::ErrorKind::InvalidInput) for a cursor of another
    /// order.
    pub async fn page(&self, query: &PeerQuery) -> Result<PeerPage> {
        query::page(self.core(), query, &Any).await
    }

    /// One page of the peers that a query finds and `filter` takes, which sees all that is known of each. What the
    /// query can be asked for costs less there.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn page_where(
        &self,
        query: &PeerQuery,
        filter: impl Fn(&Peer) -> bool + Send + Sync,
    ) -> Result<PeerPage> {
        query::page(self.core(), query, &Where(filter)).await
    }

    /// All that is known of a peer and has not expired, but for its private key; `None` if that is nothing.
    ///
    /// It is of one moment: it waits for a change of the peer that is under way, and none begins before it is read.
    ///
    /// # Errors
    /// As [`Datastore::read`]; [`Incompatible`](datastore::ErrorKind::Incompatible) if a later release wrote a row
    /// of it.
    pub async fn peer(&self, peer: &PeerId) -> Result<Option<Peer>> {
        peer::read(self.core(), peer).await
    }

    /// Adds to what is known of a peer, as js-libp2p's `merge`: addresses and protocols are added, metadata and tags
    /// set or taken away by name. One commit, and one change for subscribers. Answers what became of the signed
    /// record, if there is one in it.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput), and nothing happens, for a public key or a signed record
    /// that is not the peer's, a tag over 100, and what is more than the [limits](crate::Limits); and as
    /// [`Datastore::commit`].
    pub async fn merge(&self, peer: &PeerId, update: &PeerUpdate) -> Result<Option<Consumed>> {
        update::apply(self.core(), peer, update, Strategy::Merge).await
    }

    /// Replaces those fields of what is known of a peer that are given, as js-libp2p's `patch`, and leaves the others.
    /// Else as [`merge`](Self::merge).
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub async fn patch(&self, peer: &PeerId, update: &PeerUpdate) -> Result<Option<Consumed>> {
        update::apply(self.core(), peer, update, Strategy::Patch).await
    }

    /// Replaces all that is known of a peer, as js-libp2p's `save`: fields that are not given are empty. Its private
    /// key and its reputation are no part of that, and stay. Else as [`merge`](Self::merge).
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub async fn save(&self, peer: &PeerId, update: &PeerUpdate) -> Result<Option<Consumed>> {
        update::apply(self.core(), peer, update, Strategy::Save).await
    }

    /// Whether anything is known of a peer that has not expired, beside which of its records is too old.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    pub async fn has(&self, peer: &PeerId) -> Result<bool> {
        self.core().check_open()?;
        self.core().knows(peer, Counts::Live).await
    }

    /// Removes all that is known of a peer, but for the sequence number below which its records are too old, which
    /// is kept for [`watermark_ttl`](PeerstoreOptions::watermark_ttl). Where a lifetime had grown, an entry of the
    /// expiry index has the peer's id until the moment at which it would have ended before, and is collected then.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for the node itself: a peer of which
    /// [`OwnRecord::seal`] made a record here; and as [`Datastore::commit`].
    pub async fn remove(&self, peer: &PeerId) -> Result<()> {
        self.take_away(peer, true).await
    }

    /// Removes all that is known of a peer: old signed records are taken again, and no key names the peer any more. It
    /// walks the index of what expires, and so costs as much as there is that expires.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn forget(&self, peer: &PeerId) -> Result<()> {
        self.take_away(peer, false).await
    }

    /// Takes in what another implementation, or an export, knows of a peer, beside what is known of it: all in one
    /// commit. Lifetimes and moments are what they were there, and end when they would have ended; of metadata and
    /// tags of one name what is here stays. What is refused, such as a signed record that does not verify, is left
    /// out and named, and so is what there is no room for.
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

    /// Copies all peers into another peerstore, beside what that knows of them, and the records that the node has
    /// sealed of itself, so that its next one has a higher number there too. This is how a peerstore in memory
    /// becomes one on a disk.
    ///
    /// All that is known comes along: who said an address and when, dials and requests, numbers below which records are
    /// too old. What was connected here is recently connected there. Where both know something, the longer lifetime,
    /// the newer record, and of keys, tags, metadata and reputation what is there already, stay. Each peer is of one
    /// moment, and one commit; one that changes or comes to be known meanwhile may or may not come along. `progress`
    /// is told of each. It can be run again.
    ///
    /// # Errors
    /// As [`Datastore::query_page`] here, and as [`Datastore::commit`] there;
    /// [`PermissionDenied`](datastore::ErrorKind::PermissionDenied) for a private key over a remote store. What was
    /// copied is there.
    pub async fn copy_to(
        &self,
        target: &Self,
        options: &PeerCopyOptions,
        progress: impl FnMut(&PeerCopied) + Send,
    ) -> Result<PeersCopied> {
        migration::copy(self.core(), target.core(), options, progress).await
    }

    /// Takes away what has expired. It costs what has expired, not what is stored; dropping the future
    /// stops after the page that is being written.
    ///
    /// # Errors
    /// As [`Datastore::commit`]; what was taken away is gone.
    pub async fn collect(&self) -> Result<GcReport> {
        gc::collect(self.core()).await
    }

    /// What collections and limits have taken away since it was opened.
    pub fn gc_stats(&self) -> GcStats {
        self.core().gc().stats()
    }

    /// How many peers each book has. It costs nothing, but for the first call after a crash, or after a time without
    /// limits, which looks at the keys of all rows, and at the rows of addresses.
    ///
    /// # Errors
    /// As [`Datastore::query_page`].
    pub async fn counts(&self) -> Result<PeerCounts> {
        let core = self.core();
        core.check_open()?;
        core.census().counts(&**core.store(), core.session()).await
    }

    /// Writes what was [gathered](PeerstoreOptions::write_behind); where nothing is gathered, it does nothing.
    ///
    /// # Errors
    /// What the flush failed with, as the source; what was not written is kept, and tried again.
    pub async fn flush(&self) -> Result<()> {
        self.core().check_open()?;
        match self.core().gathered() {
            Some(gathered) => gathered.flush().await,
            None => Ok(()),
        }
    }

    /// How much is [gathered](PeerstoreOptions::write_behind) and not written yet, and how often writing it failed;
    /// `None` where nothing is gathered.
    pub fn pending_writes(&self) -> Option<PendingWrites> {
        self.core().gathered().map(WriteBehind::pending)
    }

    /// Writes what was [gathered](PeerstoreOptions::write_behind), makes all that was acknowledged durable and ends the
    /// peerstore: afterwards every call answers [`Closed`](datastore::ErrorKind::Closed), and streams end. The
    /// datastore stays open: who opened it closes it. Where the future is dropped on its way, another call takes it up,
    /// and one beside it waits.
    ///
    /// # Errors
    /// As [`flush`](Self::flush) and [`Datastore::sync`], to the call that ends it; it is closed all the same, and what
    /// was gathered and not written is lost. Who would rather wait for a store that cannot be reached flushes before.
    pub async fn close(&self) -> Result<()> {
        self.core().shut();
        let mut ending = self.shared.ending.lock().await;
        if ending.is_over {
            return Ok(());
        }
        if let Some(collector) = &self.shared.collector {
            collector.stop().await;
        }
        self.core().events().end();
        let core = self.core();
        if ending.counted.is_none() {
            let counted = core.census().shut(&**core.store(), core.options().persistence).await;
            ending.counted = Some(counted);
        }
        let written = match core.gathered() {
            Some(gathered) => gathered.close().await,
            None => core.store().sync().await,
        };
        ending.is_over = true;
        written.and(ending.counted.take().unwrap_or(Ok(())))
    }

    pub(crate) fn core(&self) -> &Core {
        &self.shared.core
    }

    async fn take_away(&self, peer: &PeerId, keep_watermark: bool) -> Result<()> {
        let mut change = self.core().change(peer).await?;
        if self.own_record().is_kept(peer).await? {
            let message = format!("{peer} is the node itself, which has sealed a record here");
            return Err(
                Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
            );
        }
        change.take_away(keep_watermark).await?;
        if !keep_watermark {
            change.take_index_entries_away().await?;
        }
        change.commit().await
    }
}
