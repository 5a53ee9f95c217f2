mod addresses;
mod export;
mod gob;
mod metadata;
mod wire;

pub use export::to_go;

pub(super) use addresses::addresses;
pub(super) use metadata::metadata;

/// The name under which go keeps a peer's protocols among its metadata.
const PROTOCOLS: &str = "protocols";
