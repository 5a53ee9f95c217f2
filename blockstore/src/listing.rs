//! All blocks, as a stream.

use std::pin::Pin;

use bytes::Bytes;
use cid::Cid;
use datastore::{DatastoreExt, Entry, EntryStream, Query, Result, Scope};
use datastore::Datastore;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::codecs::RAW;
use crate::hashes::IDENTITY;
use crate::layout;
use crate::store::Hash;
use crate::{Block, Blockstore};
