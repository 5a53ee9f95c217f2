//! What the suites of go-libp2p, js-libp2p and py-libp2p ask of a peer store, over every store, beside what the tests
//! of the books ask already; and what none of them asks.

mod alive;
mod beside;
mod failing;
mod go_addresses;
mod go_limits;
mod go_records;
mod js;
mod py;
mod time;
