//! Rows of the peerstores of go-libp2p, js-libp2p and py-libp2p: read, and written for the first two.
//!
//! All of it is pure: keys and values come in, peers come out, and the other way round. Nothing that is
//! read is believed further than it can be checked here: a key that is not the peer's is refused, an
//! envelope is handed on as it is and wants to be verified by whoever takes it in.
//!
//! One row, or one address in it, that is damaged or foreign hides nothing else: it becomes a
//! [`SkippedRow`] with its reason.
//!
//! # Which rows are whose
//! | key | value | written by |
//! |---|---|---|
//! | `/peers/addrs/<B32>` | addresses, certified record | go |
//! | `/peers/keys/<B32>/{pub,priv}` | keys | go |
//! | `/peers/metadata/<B32>/<name>` | gob; the protocols under the name `protocols` | go |
//! | `/peers/gc/addrs/…` | nothing: go's own index, passed over | go |
//! | `/peers/{addrs,protos,keys}/<cid>`, `/peers/metadata/<cid>/<name>` | a book each | js, libp2p 0.28 to 0.35 |
//! | `/peers/<cid>` | everything of the peer | js, since libp2p 0.36 |
//! | `addr:<id>`, `key:<id>`, `metadata:<id>`, `protocol:<id>`, `latency:<id>` | a book each | py |
//! | `local_record` | the node's own envelope | py |
//! | `peer_record:<id>` | that there was a record, passed over | py |
//!
//! `<B32>` is the id's bytes in upper-case base32 without padding, `<cid>` the id as CIDv1 in lower-case
//! base32, `<id>` the id's bytes. Go's rows and those of the books of js lie below the same prefixes and
//! differ in that part alone.
//!
//! How to come by the rows of a node: `docs/import.md`.
//!
//! # Examples
//! ```
//! use peerstore::interop::Importer;
//!
//! let mut importer = Importer::new();
//! importer.push(b"/peers/hello", b"");
//! let imported = importer.finish();
//! assert!(imported.peers.is_empty());
//! assert_eq!(imported.skipped[0].to_string(), "/peers/hello: no peer id is where one should be");
//! ```

mod address;
mod certified;
mod envelope;
mod exported;
mod flavour;
mod go;
mod imported;
mod importer;
mod js;
mod keys;
mod place;
mod py;
mod row;
mod skipped;
mod time;
mod value;

pub use exported::{Exported, LeftOut};
pub use flavour::Flavour;
pub use go::to_go;
pub use imported::{
    ImportedAddress, ImportedEnvelope, ImportedPeer, ImportedPrivateKey, ImportedTag,
};
pub use importer::{Imported, Importer};
pub use js::to_js;
pub use row::{RowContent, read_row};
pub use skipped::{SkipReason, SkippedRow};
pub use value::ImportedValue;
