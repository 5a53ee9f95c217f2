//! Peerstores over every kind of datastore, with a clock that stands until it is stepped.

use std::sync::Arc;
use std::time::Duration;

use datastore::{Clock, Datastore, MemoryDatastore, TestClock};
use datastore_fjall::FjallDatastore;
use datastore_s3::{Access, Bucket, ObjectOptions};
use libp2p_identity::{Keypair, PeerId, PublicKey};
use multiaddr::Multiaddr;
use multihash::Multihash;
use object_store::aws::AmazonS3Builder;
use peerstore::{GcStrategy, Peerstore, PeerstoreOptions, WriteBehindMode};
use s3_testing::{Credentials, RealServer, S3Server};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A datastore that outlives the peerstores that are opened in it.
pub(crate) struct World {
    pub(crate) clock: TestClock,
    pub(crate) options: PeerstoreOptions,
    kind: Kind,
}

enum Kind {
    Memory(Arc<MemoryDatastore>),
    Fjall(TempDir),
    S3(Box<Remote>),
}

/// A bucket, and the server in this process that has it, if it is there.
struct Remote {
    bucket: AmazonS3Builder,
    _server: Option<S3Server>,
}

/// An open peerstore, and the handle below it.
pub(crate) struct Open {
    pub(crate) peers: Peerstore,
    pub(crate) store: Arc<dyn Datastore>,
    keeps: bool,
}

impl World {
    pub(crate) fn memory() -> Self {
        Self::of(Kind::Memory(Arc::default()))
    }

    pub(crate) fn fjall() -> Self {
        Self::of(Kind::Fjall(TempDir::new().unwrap()))
    }

    fn of(kind: Kind) -> Self {
        let mut options = PeerstoreOptions::default();
        options.gc.strategy = GcStrategy::Manual;
        Self { clock: TestClock::new(), options, kind }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut PeerstoreOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Object storage, of a server in this process.
    pub(crate) fn s3() -> Self {
        let server = S3Server::start();
        let bucket =
            client(&server.endpoint(), server.bucket(), server.region(), server.credentials());
        Self::of(Kind::S3(Box::new(Remote { bucket, _server: Some(server) })))
    }

    /// Object storage, of the server that the environment names.
    fn real() -> Option<Self> {
        let server = RealServer::from_env()?;
        let bucket =
            client(server.endpoint(), server.bucket(), server.region(), server.credentials());
        Some(Self::of(Kind::S3(Box::new(Remote { bucket, _server: None }))))
    }

    /// Every kind of datastore, with a cache and without, with changes that are gathered and with such that are not.
    pub(crate) fn all() -> Vec<Self> {
        let kinds = || [Self::memory(), Self::fjall(), Self::s3()].into_iter().chain(Self::real());
        let uncached = kinds().map(|world| world.with(|options| options.cache_bytes = 0));
        let turned = [
            Self::fjall().with(|options| options.write_behind.mode = WriteBehindMode::On),
            Self::s3().with(|options| options.write_behind.mode = WriteBehindMode::Off),
        ];
        kinds().chain(uncached).chain(turned).collect()
    }

    pub(crate) async fn open(&self) -> Open {
        let (store, keeps): (Arc<dyn Datastore>, _) = match &self.kind {
            Kind::Memory(store) => (Arc::clone(store) as Arc<dyn Datastore>, true),
            Kind::Fjall(dir) => (Arc::new(FjallDatastore::open(dir.path()).await.unwrap()), false),
            Kind::S3(remote) => (Arc::new(object_storage(&remote.bucket).await), false),
        };
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let options = self.options.clone();
        let peers = Peerstore::open_with(Arc::clone(&store), clock, options).await.unwrap();
        Open { peers, store, keeps }
    }
}

impl Open {
    /// The store below, with all that was changed.
    pub(crate) async fn below(&self) -> &Arc<dyn Datastore> {
        self.peers.flush().await.unwrap();
        &self.store
    }

    /// Closes the peerstore and what is below it, as a node does when it stops.
    pub(crate) async fn close(self) {
        self.peers.close().await.unwrap();
        if !self.keeps {
            self.store.close().await.unwrap();
        }
    }

    /// Ends the peerstore as a process does that is killed; what it wrote is there.
    pub(crate) async fn crash(self) {
        drop(self.peers);
        if !self.keeps {
            self.store.close().await.unwrap();
        }
    }
}

pub(crate) fn client(
    endpoint: &str,
    bucket: &str,
    region: &str,
    user: &Credentials,
) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region(region)
        .with_access_key_id(&user.access_key)
        .with_secret_access_key(&user.secret_key)
}

pub(crate) async fn object_storage(bucket: &AmazonS3Builder) -> datastore_s3::ObjectDatastore {
    let options = ObjectOptions::new().prefix("peers").access(Access::Shared);
    options.open(Bucket::s3(bucket.clone()).unwrap()).await.unwrap()
}

/// The key of the n-th peer.
pub(crate) fn keypair(n: u8) -> Keypair {
    Keypair::ed25519_from_bytes([n; 32]).unwrap()
}

/// The n-th peer.
pub(crate) fn peer(n: u8) -> PeerId {
    keypair(n).public().to_peer_id()
}

/// So many addresses, none twice.
pub(crate) fn addrs(n: usize) -> Vec<Multiaddr> {
    (0..n).map(|n| format!("/ip4/192.0.2.{}/tcp/{}", n % 250, 4001 + n).parse().unwrap()).collect()
}

/// Their texts, sorted: an order that no book promises.
pub(crate) fn sorted(addrs: impl IntoIterator<Item = Multiaddr>) -> Vec<String> {
    let mut texts: Vec<_> = addrs.into_iter().map(|addr| addr.to_string()).collect();
    texts.sort();
    texts
}

/// The key of the n-th peer, and the id that it had when ids were hashes of all keys: one that does not hold it.
pub(crate) fn hashed(n: u8) -> (PublicKey, PeerId) {
    let key = keypair(n).public();
    let hash = Multihash::wrap(0x12, &Sha256::digest(key.encode_protobuf())).unwrap();
    (key, PeerId::from_multihash(hash).unwrap())
}
