//! Takes the least valuable peers away where a book is full.
//!
//! Who begins a row that there is no room for makes room, with the lock of its own peer held: so nothing here waits for
//! the lock of another. One makes room at a time, and others wait for it; peers that are being changed are passed over.

mod hands;
mod page;
mod room;
mod take;
mod worth;

pub(crate) use hands::Hands;
pub(crate) use room::{enter, is_nearly_full, trim};
