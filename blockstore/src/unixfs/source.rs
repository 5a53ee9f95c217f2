use std::io::{self, Read};

use bytes::Bytes;
use futures::Stream;
use futures::stream;

/// What a reader reads, as a stream for [`Blockstore::add_file`](crate::Blockstore::add_file).
///
/// It reads when the stream is polled, 64 KiB at a time, and blocks the thread meanwhile: right for a
/// file, standard input of a tool, or a slice; not for a socket in a server.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use futures::TryStreamExt;
///
/// let parts: Vec<_> = datastore_blocks::from_reader(&b"hello"[..]).try_collect().await?;
/// assert_eq!(parts.concat(), b"hello");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn from_reader<R>(reader: R) -> impl Stream<Item = io::Result<Bytes>> + Send
where
    R: Read + Send,
{
    let next = |mut reader: R| async move {
        let mut buffer = vec![0; READ_LEN];
        let len = loop {
            match reader.read(&mut buffer) {
                Ok(len) => break len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        buffer.truncate(len);
        Ok((len > 0).then(|| (Bytes::from(buffer), reader)))
    };
    stream::try_unfold(reader, next)
}

const READ_LEN: usize = 64 << 10;
