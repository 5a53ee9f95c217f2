//! What the test support itself is held to, with `object_store` as the client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod by_hand;
mod clients;
mod conditions;
mod listing;
mod objects;
mod oddities;
mod proxy;
mod targets;
mod uploads;
mod users;
