use clap::Args;
use datastore::{DatastoreExt, Key};
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::Result;
use crate::store_arg::StoreArg;

/// Tell by the exit code whether a key has a value: 0 if so, 1 if not
#[derive(Args)]
#[command(after_help = "Examples:
  dstore has fjall:data /greeting && echo there
  dstore has fjall:data /greeting --json              {\"key\":\"/greeting\",\"has\":true}")]
pub(crate) struct Has {
    /// URL of the store
    store: StoreArg,
    /// The key, as text
    key: Key,
}

impl Has {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, key } = self;
        let has = context.stores.open_to_read(&store).await?.has(&key).await?;
        if context.out.is_json() {
            context.out.object(&json!({ "key": key, "has": has }))?;
        }
        Ok(if has { Exit::Done } else { Exit::No })
    }
}
