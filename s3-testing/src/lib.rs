//! What the tests of object storage stand on.
//!
//! - [`S3Server`]: an S3 server in this process, over memory, with nothing to install.
//! - [`FaultProxy`]: between a client and any server, injects faults and counts requests.
//! - [`RealServer`]: a real server, where the environment names one.
//! - [`SignedClient`]: sends what `object_store` has no words for.

#![expect(clippy::expect_used, reason = "what cannot be set up fails the test")]

mod background;
mod client;
mod credentials;
mod proxy;
mod real;
mod server;
mod upstream;

pub use hyper::{Method, StatusCode};

pub use client::SignedClient;
pub use credentials::Credentials;
pub use proxy::{Answer, Fault, FaultProxy, Gate, Matcher, Seen};
pub use real::RealServer;
pub use server::{Oddities, S3Server, StoredObject};
