use std::io::{BufReader, Read};
use std::thread;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::detect::detect;
use super::{Format, Row, RowKey, dump, jsonl};
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// Reads the rows of `input` on a thread of its own, since reading a pipe blocks for as long as its
/// writer likes. A failure is the last that comes.
pub(crate) fn read<K: RowKey>(
    input: Box<dyn Read + Send>,
    format: Option<Format>,
) -> Result<Receiver<Result<Row<K>>>> {
    let (sender, receiver) = channel(AHEAD);
    thread::Builder::new()
        .name("dstore-input".to_owned())
        .spawn(move || {
            if let Err(failure) = read_all(input, format, &sender) {
                // Nobody listens any more: the command has ended.
                drop(sender.blocking_send(Err(failure)));
            }
        })
        .map_err(|error| Failure::io("cannot start a thread", error))?;
    Ok(receiver)
}

/// How many rows are read ahead of being written.
const AHEAD: usize = 64;

fn read_all<K: RowKey>(
    input: Box<dyn Read + Send>,
    format: Option<Format>,
    sender: &Sender<Result<Row<K>>>,
) -> Result<()> {
    let input = BufReader::new(input);
    let mut take = |row| sender.blocking_send(Ok(row)).is_ok();
    match format {
        Some(Format::Jsonl) => jsonl::read(input, &mut take),
        Some(Format::Dump) => dump::read(input, &mut take),
        None => {
            let (format, input) = detect(input).map_err(|error| {
                Failure::new(Exit::BadData, "cannot read the input").caused_by(error.to_string())
            })?;
            read_all(Box::new(input), Some(format), sender)
        }
    }
}
