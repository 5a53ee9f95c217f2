//! Peers by what is known of them, page by page.

mod cursor;
mod filter;
mod ordered;
mod page;

pub use cursor::PeerCursor;
pub(crate) use filter::{Any, Where};
pub(crate) use page::page;
pub use page::{PeerOrder, PeerPage, PeerQuery};
