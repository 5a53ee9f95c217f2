use datastore::Result;
use libp2p_identity::PeerId;
use libp2p_peer_store::memory_store::{MemoryStore, PeerRecord};
use multiaddr::Multiaddr;

use super::copy::{PeerCopied, PeersCopied};
use crate::Peerstore;
use crate::access::{Core, Entries};
use crate::address::{AddressRow, AddressSource, AddressTtl, is_address_of};
use crate::metadata::MetadataValue;

impl Peerstore {
    /// Takes in the peers of rust-libp2p's peer store, beside what is known of them; with the feature
    /// `libp2p-peer-store`.
    ///
    /// Addresses that are permanent there, since the application added them, are the user's here, and permanent.
    /// The others, which the swarm has heard of, are kept for `ttl`, as of [`AddressSource::Routing`]: when they were
    /// heard is not known. In which order they were used last is not taken over. What there is of custom data,
    /// `custom` makes an entry of the metadata of, or nothing.
    ///
    /// The store is read before the future is polled, which does not hold it: a swarm can go on. Each peer is one
    /// commit, and `progress` is told of it.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// # use std::sync::Arc;
    /// # use datastore::MemoryDatastore;
    /// use libp2p_identity::PeerId;
    /// use libp2p_peer_store::memory_store::{Config, MemoryStore};
    /// use peerstore::{AddressTtl, MetadataValue, Peerstore};
    ///
    /// let mut theirs = MemoryStore::<String>::new(Config::default());
    /// let (peer, addr) = (PeerId::random(), "/ip4/192.0.2.1/tcp/4001".parse().unwrap());
    /// theirs.add_address(&peer, &addr);
    /// theirs.insert_custom_data(&peer, "relay".to_owned());
    ///
    /// let peers = Peerstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// let custom = |_: &_, role: &String| Ok(Some(("role".to_owned(), MetadataValue::typed(role)?)));
    /// peers.import_memory_store(&theirs, AddressTtl::ADDRESS, custom, |_| ()).await?;
    /// assert_eq!(peers.addresses().get(&peer).await?, [addr]);
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What `custom` answers, before anything is taken in; and as
    /// [`Datastore::commit`](datastore::Datastore::commit). What was taken in is there.
    pub fn import_memory_store<'p, T, L, C, P>(
        &'p self,
        store: &MemoryStore<T>,
        ttl: L,
        custom: C,
        progress: P,
    ) -> impl Future<Output = Result<PeersCopied>> + Send + use<'p, T, L, C, P>
    where
        T: Clone,
        L: Into<AddressTtl>,
        C: FnMut(&PeerId, &T) -> Result<Option<(String, MetadataValue)>>,
        P: FnMut(&PeerCopied) + Send,
    {
        let (ttl, read) = (ttl.into(), read(store, custom));
        async move { write(self.core(), read?, ttl, progress).await }
    }
}

/// What a record holds.
struct Remembered {
    peer: PeerId,
    permanent: Vec<Multiaddr>,
    others: Vec<Multiaddr>,
    custom: Option<(String, MetadataValue)>,
}

fn read<T: Clone>(
    store: &MemoryStore<T>,
    mut custom: impl FnMut(&PeerId, &T) -> Result<Option<(String, MetadataValue)>>,
) -> Result<Vec<Remembered>> {
    let records = store.record_iter().map(|(peer, record)| {
        let (permanent, others) = by_permanence(record);
        let custom = record.get_custom_data().map(|data| custom(peer, data)).transpose()?;
        Ok(Remembered { peer: *peer, permanent, others, custom: custom.flatten() })
    });
    records.collect()
}

/// Which addresses of a record are permanent, it tells to nobody; but it gives none of them away unforced.
fn by_permanence<T: Clone>(record: &PeerRecord<T>) -> (Vec<Multiaddr>, Vec<Multiaddr>) {
    let mut emptied = record.clone();
    let addresses = record.addresses().cloned();
    addresses.partition(|addr| !emptied.remove_address(addr, false))
}

async fn write(
    core: &Core,
    records: Vec<Remembered>,
    ttl: AddressTtl,
    mut progress: impl FnMut(&PeerCopied) + Send,
) -> Result<PeersCopied> {
    let mut all = PeersCopied::default();
    for Remembered { peer, permanent, others, custom } in records {
        let mut copied = PeerCopied::new(peer);
        for addr in permanent.iter().chain(&others).filter(|addr| !is_address_of(&peer, addr)) {
            copied.left_out.push(format!("the address {addr}: it is no address of this peer"));
        }
        let mut change = core.change_once(&peer).await?;
        let at = core.at();
        if let Some(row) = copied.part("addresses", change.row::<AddressRow>().await)? {
            row.add(&peer, &permanent, AddressTtl::Permanent, AddressSource::User, at);
            row.add(&peer, &others, ttl, AddressSource::Routing, at);
        }
        if let Some((name, value)) = custom {
            let set = change.metadata(&Entries::from([(name, Some(value))])).await;
            copied.part("custom data", set)?;
        }
        change.commit().await?;
        all.add(&copied);
        progress(&copied);
    }
    Ok(all)
}
