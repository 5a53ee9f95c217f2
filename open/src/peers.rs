use std::sync::Arc;

use datastore::{Clock, Datastore, Result, SystemClock};
use peerstore::{Peerstore, PeerstoreOptions};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{Config, StoreUrl};

/// The configuration of a node's peers: where they are kept, and everything of [`PeerstoreOptions`].
///
/// `store` is what [`Config`] is. `preset` names the options that those in `peers` are changes of, `default` if it is
/// left out; it is read and not written, since all options are written. Fields that are not known are refused.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// let config: datastore_open::PeersConfig = serde_json::from_str(
///     r#"{ "store": { "url": "memory:" }, "preset": "small", "peers": { "gc": { "interval": "10m" } } }"#,
/// ).unwrap();
/// assert_eq!(config.peers.cache_bytes, 4 << 20);
///
/// let node = config.open().await?;
/// assert!(!node.peers().has(&libp2p_identity::PeerId::random()).await?);
/// node.close().await?;
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeersConfig {
    /// The datastore; the peers lie below `/peers` in it.
    pub store: Config,
    /// How the peerstore is opened.
    pub peers: PeerstoreOptions,
}

/// Options to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PeersPreset {
    /// [`PeerstoreOptions::small`]: a small device, a light client.
    Small,
    /// [`PeerstoreOptions::default`]: a usual node.
    #[default]
    Default,
    /// [`PeerstoreOptions::server`]: a server of the DHT.
    Server,
}

impl PeersPreset {
    /// The options.
    pub fn options(self) -> PeerstoreOptions {
        match self {
            Self::Small => PeerstoreOptions::small(),
            Self::Default => PeerstoreOptions::default(),
            Self::Server => PeerstoreOptions::server(),
        }
    }
}

/// A peerstore and the datastore that was opened for it.
#[derive(Debug)]
pub struct OpenPeers {
    peers: Peerstore,
    store: Arc<dyn Datastore>,
}

impl PeersConfig {
    /// Peers in this store, with the options of a preset.
    pub fn new(store: StoreUrl, preset: PeersPreset) -> Self {
        Self { store: Config::new(store), peers: preset.options() }
    }

    /// Opens the datastore, and the peerstore in it.
    ///
    /// # Errors
    /// As [`Config::open`] and [`Peerstore::open`]; nothing stays open then.
    pub async fn open(&self) -> Result<OpenPeers> {
        self.open_with_clock(Arc::new(SystemClock::new())).await
    }

    /// As [`open`](Self::open), with a clock of the caller's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_clock(&self, clock: Arc<dyn Clock>) -> Result<OpenPeers> {
        let store = self.store.open().await?;
        let opened = Peerstore::open_with(Arc::clone(&store), clock, self.peers.clone()).await;
        match opened {
            Ok(peers) => Ok(OpenPeers { peers, store }),
            Err(error) => {
                // What it failed with says more than what closing might fail with.
                let _unused = store.close().await;
                Err(error)
            }
        }
    }
}

impl OpenPeers {
    /// The peerstore.
    pub fn peers(&self) -> &Peerstore {
        &self.peers
    }

    /// The datastore below it, for what else the node keeps.
    pub fn store(&self) -> &Arc<dyn Datastore> {
        &self.store
    }

    /// Closes the peerstore, and then the datastore.
    ///
    /// # Errors
    /// As [`Peerstore::close`] and [`Datastore::close`]; both are closed all the same.
    pub async fn close(&self) -> Result<()> {
        let written = self.peers.close().await;
        let closed = self.store.close().await;
        written.and(closed)
    }
}

/// A configuration as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    store: Config,
    #[serde(default)]
    preset: PeersPreset,
    #[serde(default)]
    peers: Map<String, Value>,
}

impl<'de> Deserialize<'de> for PeersConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Written { store, preset, peers } = Written::deserialize(from)?;
        // What is left out is as in the preset, and not as in the default.
        let mut options = serde_json::to_value(preset.options()).map_err(D::Error::custom)?;
        let unchanged = options.clone();
        change(&mut options, Value::Object(peers.clone()));
        let peers = serde_json::from_value(options).map_err(|error| {
            let mut path = Vec::new();
            refused(&unchanged, &mut path, &peers);
            let name = ["peers"].into_iter().chain(path).collect::<Vec<_>>().join(".");
            D::Error::custom(format_args!("in `{name}`: {error}"))
        })?;
        Ok(Self { store, peers })
    }
}

/// Finds an option that is refused if it alone is changed; then its names, from the outside in, are in `path`.
fn refused<'c>(options: &Value, path: &mut Vec<&'c str>, changes: &'c Map<String, Value>) -> bool {
    changes.iter().any(|(name, to)| {
        path.push(name);
        let found = match to {
            Value::Object(inner) if !inner.is_empty() => refused(options, path, inner),
            to => {
                let nest = |inner, name: &&str| {
                    Value::Object(Map::from_iter([((*name).to_owned(), inner)]))
                };
                let mut changed = options.clone();
                change(&mut changed, path.iter().rev().fold(to.clone(), nest));
                serde_json::from_value::<PeerstoreOptions>(changed).is_err()
            }
        };
        if !found {
            path.pop();
        }
        found
    })
}

fn change(value: &mut Value, to: Value) {
    match (value, to) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, to) in changes {
                change(fields.entry(name).or_insert(Value::Null), to);
            }
        }
        (value, to) => *value = to,
    }
}
