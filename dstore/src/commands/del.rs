use clap::Args;
use datastore::{Batch, Datastore, DatastoreExt, Key};
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::selection::Selection;
use crate::store_arg::StoreArg;

/// Remove keys; one that has no value is not an error
#[derive(Args)]
#[command(after_help = "Examples:
  dstore del fjall:data /a /b                         both at once, where the store is atomic
  dstore del fjall:data --below /cache                says how many there are, and does nothing
  dstore del fjall:data --below /cache --yes          removes them")]
pub(crate) struct Del {
    /// URL of the store
    store: StoreArg,
    /// The keys, as text
    #[arg(required_unless_present_any = ["prefix", "below", "from", "to"],
          conflicts_with_all = ["prefix", "below", "from", "to"])]
    keys: Vec<Key>,
    #[command(flatten)]
    selection: Selection,
    /// Remove what was selected, without asking
    #[arg(long)]
    yes: bool,
}

impl Del {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, keys, selection, yes } = self;
        let store = context.stores.open_existing(&store).await?;
        let deleted = if selection.is_given() {
            let query = selection.query();
            if !yes {
                let found = human::entries(store.count(query).await?);
                return Err(Failure::usage(format!(
                    "this would remove {found}: nothing was removed"
                ))
                .hint("say so with --yes"));
            }
            store.delete_many(store.query_keys(query)).await?
        } else {
            let count = keys.len() as u64;
            store.commit(keys.into_iter().fold(Batch::new(), Batch::delete)).await?;
            count
        };
        if context.out.is_json() {
            context.out.object(&json!({ "deleted": deleted }))?;
        }
        Ok(Exit::Done)
    }
}
