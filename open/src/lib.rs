#![doc = include_str!("../README.md")]

mod backends;
mod config;
mod help;
mod open;
mod opened;
mod options;
#[cfg(feature = "peers")]
mod peers;
mod place;
mod redact;
mod relation;
mod store_url;

pub use config::{Config, OptionValue};
pub use help::url_help;
pub use open::open;
#[cfg(feature = "peers")]
pub use peers::{OpenPeers, PeersConfig, PeersPreset};
pub use redact::redacted;
pub use relation::{Relation, relation, same_store};
pub use store_url::StoreUrl;

/// The example on the front page of the project compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
