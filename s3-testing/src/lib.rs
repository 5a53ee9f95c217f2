//! What the tests of object storage stand on.
//!
//! - [`S3Server`]: an S3 server in this process, over memory, with nothing to install.

#![expect(clippy::expect_used, reason = "what cannot be set up fails the test")]

mod background;
mod credentials;
mod server;

pub use credentials::Credentials;
pub use server::{Oddities, S3Server, StoredObject};
