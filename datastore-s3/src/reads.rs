//! Reads of one key: one request each.

use bytes::Bytes;
use datastore::{Error, ErrorKind, Found, Key, Result, Want};

use crate::core::Core;
use crate::remote::{Got, Head};
use crate::retry::GivenUp;
use crate::tag;

pub(crate) async fn read(core: &Core, key: &Key, want: Want) -> Result<Option<Found>> {
    let name = core.names.name(key)?;
    let failed =
        |given_up: GivenUp| given_up.into_error("reading", core.place()).with_key(key.clone());
    let head = async || core.remote.head(&name).await.map_err(failed);
    match want {
        Want::Exists => Ok(head().await?.map(|_| Found::exists())),
        Want::Size => Ok(head().await?.map(|head| Found::sized(head.size))),
        Want::Value => {
            let got = core.remote.get(&name, None).await.map_err(failed)?;
            got.map(|got| whole(core, key, got)).transpose()
        }
        Want::Range { offset, len } if len == 0 || offset >= LARGEST => {
            Ok(head().await?.map(nothing_of))
        }
        Want::Range { offset, len } => {
            let range = offset..offset.saturating_add(len).min(LARGEST);
            match core.remote.get(&name, Some(range)).await {
                Ok(got) => {
                    let got = got.map(|got| intact(core, key, got)).transpose()?;
                    Ok(got.map(|got| Found::part(got.value, got.size)))
                }
                Err(given_up) if given_up.failure.may_be_range() => match head().await? {
                    Some(head) if head.size > offset => Err(failed(given_up)),
                    past_the_end => Ok(past_the_end.map(nothing_of)),
                },
                Err(given_up) => Err(failed(given_up)),
            }
        }
    }
}

/// No object is so large, and some servers refuse ranges that they cannot count: 1 PiB.
const LARGEST: u64 = 1 << 50;

/// A whole value, if it is the one that was written.
pub(crate) fn whole(core: &Core, key: &Key, got: Got) -> Result<Found> {
    let got = intact(core, key, got)?;
    let found = Found::whole(got.value);
    Ok(match got.tag {
        Some(tag) => found.with_version(tag::version(tag)),
        None => found,
    })
}

fn intact(core: &Core, key: &Key, got: Got) -> Result<Got> {
    if got.intact {
        return Ok(got);
    }
    let message = format!("the value in {} is not what was written", core.place());
    Err(Error::new(ErrorKind::Corrupt, message).with_key(key.clone()))
}

fn nothing_of(head: Head) -> Found {
    Found::part(Bytes::new(), head.size)
}
