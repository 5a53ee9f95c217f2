use clap::Args;
use datastore::{DatastoreExt, Key};
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;

/// Print the size of the value of a key, in bytes
#[derive(Args)]
#[command(after_help = "Examples:
  dstore size fjall:data /greeting
Exit code 1 if the key has no value.")]
pub(crate) struct Size {
    /// URL of the store
    store: StoreArg,
    /// The key, as text
    key: Key,
}

impl Size {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, key } = self;
        let size = context.stores.open_to_read(&store).await?.size(&key).await?;
        if context.out.is_json() {
            context.out.object(&json!({ "key": key, "size": size }))?;
        }
        match size {
            None if context.out.is_json() => Ok(Exit::No),
            None => Err(Failure::new(Exit::No, format!("{key} has no value"))),
            Some(size) if !context.out.is_json() => {
                context.out.line(size)?;
                Ok(Exit::Done)
            }
            Some(_) => Ok(Exit::Done),
        }
    }
}
