use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use datastore::{Datastore, Error, Key, ReadOnly, frozen};
use datastore_blocks::{Blockstore, BlockstoreOptions, Policy};

use super::Context;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// How blocks lie in a store. What wrote them says how; the commands that find them have to say the same.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How blocks are kept")]
pub(super) struct Kept {
    /// The key that they lie below; `/` is the top of the store
    #[arg(long, global = true, value_name = "KEY", default_value = "/blocks")]
    prefix: Prefix,
    /// The codec of each is kept beside it, so that listings tell it; else they answer raw CIDs. What removes
    /// blocks need not say it
    #[arg(long, global = true)]
    keep_codecs: bool,
}

impl Kept {
    /// Opens the blocks of a store that is only read.
    pub(super) async fn open_to_read(
        &self,
        store: &StoreArg,
        context: &Context,
    ) -> Result<Blockstore> {
        let store = context.stores.open_to_read(store).await?;
        self.read(store).await
    }

    /// As [`open_to_read`](Self::open_to_read), as they are at this moment, where the store can tell.
    pub(super) async fn open_frozen(
        &self,
        store: &StoreArg,
        context: &Context,
    ) -> Result<Blockstore> {
        let store = frozen(&context.stores.open_to_read(store).await?).await?;
        self.read(store).await
    }

    /// Whatever state a collection was left in: to read is not to give it up.
    async fn read(&self, store: Arc<dyn Datastore>) -> Result<Blockstore> {
        Ok(self.options().open(Arc::new(ReadOnly::new(store))).await?)
    }

    /// Opens the blocks of a store that is written; one that is not there is created.
    pub(super) async fn open(
        &self,
        store: &StoreArg,
        policy: Policy,
        context: &Context,
    ) -> Result<Blockstore> {
        let store = context.stores.open_url(&store.url()?).await?;
        Ok(self.options().policy(policy).open(store).await?)
    }

    /// Opens the blocks of a store that is written; one that is not there is not created.
    pub(super) async fn open_existing(
        &self,
        store: &StoreArg,
        context: &Context,
    ) -> Result<Blockstore> {
        let store = context.stores.open_existing(store).await?;
        Ok(self.options().open(store).await?)
    }

    /// Whether the codec of each is kept.
    pub(super) fn keeps_codecs(&self) -> bool {
        self.keep_codecs
    }

    /// How they are opened where there is more to say.
    pub(super) fn options(&self) -> BlockstoreOptions {
        let Self { prefix: Prefix(prefix), keep_codecs } = self;
        BlockstoreOptions::new().prefix(prefix.clone()).keep_codecs(*keep_codecs)
    }
}

#[derive(Clone, Debug)]
struct Prefix(Option<Key>);

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self(if text == "/" { None } else { Some(text.parse()?) }))
    }
}
