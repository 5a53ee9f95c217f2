//! Where the bytes of an import come from.

use std::io::{self, ErrorKind as IoErrorKind, Read};
use std::pin::Pin;
use std::thread;

use bytes::Bytes;
use datastore::{Error, ErrorKind, Outcome, Result};
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::{SinkExt, Stream, StreamExt, stream};

use super::batches::{Batcher, Message};

/// Reads and hashes on a thread, which waits while nobody takes what it made and ends when nobody will.
///
/// A thread and not a pool: it blocks in reads for as long as the import takes.
pub(super) fn on_thread<R>(source: R, batcher: Batcher) -> Result<mpsc::Receiver<Message>>
where
    R: Read + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(0);
    thread::Builder::new()
        .name("car-import".into())
        .spawn(move || read_all(source, batcher, sender))
        .map_err(|error| {
            Error::new(ErrorKind::Unavailable, "no thread can be started that reads the CAR file")
                .with_source(error)
                .with_outcome(Outcome::NotApplied)
        })?;
    Ok(receiver)
}

/// Reads and hashes wherever the stream is polled.
pub(super) fn of_stream<T>(source: T, batcher: Batcher) -> impl Stream<Item = Message>
where
    T: Stream<Item = io::Result<Bytes>>,
{
    let fed = Fed { source: Box::pin(source), batcher, chunk: Bytes::new() };
    stream::unfold(fed, |mut fed| async move { Some((fed.next().await, fed)) })
}

/// More than the pipe of a kernel or one read-ahead, less than a processor's cache.
const READ_LEN: usize = 128 << 10;

/// What is read after a part of a long section went straight to its place: its end, and the start of the next,
/// which is likely to be as long.
const SHORT_LEN: usize = 4 << 10;

fn read_all<R: Read>(mut source: R, mut batcher: Batcher, mut sender: mpsc::Sender<Message>) {
    let mut buf = vec![0; READ_LEN];
    let (mut asked, mut quick) = (READ_LEN, false);
    // Not found out by sending alone: a slow source may be long in filling a batch.
    while !sender.is_closed() {
        let mut input: &[u8] = &[];
        // Waiting for all of it, so only of a source that gave all that it was asked for.
        if quick && batcher.read_missing(&mut source, READ_LEN) {
            asked = SHORT_LEN;
        } else {
            let buf = buf.get_mut(..asked).unwrap_or_default();
            match source.read(buf) {
                Ok(0) => batcher.finish(),
                Ok(len) => {
                    quick = len == asked;
                    asked = READ_LEN;
                    input = buf.get(..len).unwrap_or_default();
                }
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => batcher.fail(error),
            }
        }
        while let Some(message) = batcher.next(&mut input) {
            let last = matches!(message, Message::End(_));
            if block_on(sender.send(message)).is_err() || last {
                return;
            }
        }
    }
}

struct Fed<T> {
    source: Pin<Box<T>>,
    batcher: Batcher,
    chunk: Bytes,
}

impl<T> Fed<T>
where
    T: Stream<Item = io::Result<Bytes>>,
{
    async fn next(&mut self) -> Message {
        loop {
            let mut input = &self.chunk[..];
            let message = self.batcher.next(&mut input);
            let rest = input.len();
            self.chunk = self.chunk.split_off(self.chunk.len() - rest);
            if let Some(message) = message {
                return message;
            }
            match self.source.next().await {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => self.batcher.fail(error),
                None => self.batcher.finish(),
            }
        }
    }
}
