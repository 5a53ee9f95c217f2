//! What goes wrong with a request.

use std::time::Duration;

use bytes::Bytes;

use super::answer::Answer;
use super::gate::Gate;

/// What the proxy does instead of just forwarding a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers by itself; the server never hears of it.
    Answer(Answer),
    /// Resets the connection; the server never hears of the request.
    Reset,
    /// Lets the server do what was asked, and resets the connection instead of replying.
    LoseReply,
    /// Replies with so many bytes of the body, under the `Content-Length` of all of it, and closes the
    /// connection.
    Truncate(usize),
    /// Replies with so many bytes of the body, and with the rest once the gate is released.
    Stall(usize, Gate),
    /// Replies with these bytes in place of the body.
    Garble(Bytes),
    /// Waits before the request is forwarded.
    Delay(Duration),
    /// Stops at the gate before the request is forwarded.
    Hold(Gate),
    /// Lets the server do what was asked, and stops at the gate before the reply.
    HoldReply(Gate),
}
