use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datastore::{Datastore, Key, Result};
use serde::{Deserialize, Serialize};

use crate::StoreUrl;

/// The configuration of a store, for a node's configuration file in TOML, JSON or any other format
/// that serde reads.
///
/// `url` alone is enough. `namespace` and `options` say what its options say, for those who would rather
/// not write them into a URL; one that is given in both places is refused, and so are fields that are not
/// known.
///
/// # Examples
/// ```
/// let config: datastore_open::Config = serde_json::from_str(
///     r#"{ "url": "fjall:/var/lib/node", "namespace": "/node-7", "options": { "cache": "64MiB" } }"#,
/// ).unwrap();
/// let url = config.store_url()?;
/// assert_eq!(url.to_string(), "fjall:/var/lib/node?cache=64MiB&namespace=/node-7");
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The store.
    pub url: StoreUrl,
    /// Only what lies below this key, named from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Key>,
    /// Options as in the URL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, OptionValue>,
}

/// The value of an option, in the type that is natural in the format of the configuration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// `true` or `false`.
    Flag(bool),
    /// A number, of bytes where the option is a size.
    Number(u64),
    /// Text as in a URL, without percent escapes.
    Text(String),
}

impl Config {
    /// The configuration that is this URL alone.
    pub fn new(url: StoreUrl) -> Self {
        Self { url, namespace: None, options: BTreeMap::new() }
    }

    /// All of it as one URL.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](datastore::ErrorKind::InvalidInput) for options that the backend
    /// does not have, values that it does not take, and what is given twice.
    pub fn store_url(&self) -> Result<StoreUrl> {
        let Self { url, namespace, options } = self;
        let mut url = url.clone();
        if let Some(namespace) = namespace {
            url = url.with_option("namespace", &namespace.to_string())?;
        }
        for (name, value) in options {
            url = url.with_option(name, &value.to_string())?;
        }
        Ok(url)
    }

    /// Opens the store.
    ///
    /// # Errors
    /// As [`store_url`](Self::store_url) and [`StoreUrl::open`].
    pub async fn open(&self) -> Result<Arc<dyn Datastore>> {
        self.store_url()?.open().await
    }
}

impl From<StoreUrl> for Config {
    fn from(url: StoreUrl) -> Self {
        Self::new(url)
    }
}

/// Without the values of options, which may be secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, namespace, options } = self;
        f.debug_struct("Config")
            .field("url", url)
            .field("namespace", namespace)
            .field("options", &options.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl fmt::Debug for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
