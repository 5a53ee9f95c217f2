use std::sync::Arc;

use clap::Args;
use datastore::{Datastore, Namespace, copy, frozen, verify};
use datastore_open::{Relation, StoreUrl, relation};
use serde_json::json;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::progress::Progress;
use crate::selection::Selection;
use crate::store_arg::StoreArg;

/// Copy the entries of a store into another, and verify the copy
#[derive(Args)]
#[command(after_help = "Examples:
  dstore copy fjall:data fjall:backup
  dstore copy fjall:data fjall:backup --below /peers
  dstore copy fjall:data s3://bucket/node-7
  dstore copy 'fjall:data?namespace=/live' 'fjall:data?namespace=/backup'

It reads a frozen view, where the store has one: what is written meanwhile is not copied. What only the \
target has stays. Ended early, it can be run again: it begins anew and writes the same. Into itself, or a \
place inside its source, it is refused before anything is opened.
Exit code 4 if what was written differs from what was read.")]
pub(crate) struct Copy {
    /// URL of the store to read
    source: StoreArg,
    /// URL of the store to write; created if it is not there
    target: StoreArg,
    #[command(flatten)]
    selection: Selection,
    /// Do not read the copy again to compare it
    #[arg(long)]
    no_verify: bool,
}

impl Copy {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { source, target, selection, no_verify } = self;
        let (source, target) = open(&source.url()?, &target.url()?, context).await?;
        let source = frozen(&source).await?;
        let query = selection.query();

        let progress = Progress::open_ended("copying");
        let copied = copy(&source, &target, query.clone(), |sum| progress.set(sum)).await?;
        target.sync().await?;
        drop(progress);
        if !no_verify {
            let progress = Progress::up_to("verifying", copied.bytes);
            let verified = verify(&source, &target, query, |sum| progress.set(sum)).await?;
            if verified != copied {
                let message =
                    "the source changed meanwhile: the copy holds what was there at first";
                return Err(Failure::new(Exit::Damaged, message).hint("run the copy again"));
            }
        }

        let datastore::Copied { entries, bytes } = copied;
        if context.out.is_json() {
            let verified = !no_verify;
            context
                .out
                .object(&json!({ "entries": entries, "bytes": bytes, "verified": verified }))?;
        } else {
            let (entries, bytes) = (human::entries(entries), human::bytes(bytes));
            let verified = if no_verify { "not verified" } else { "verified" };
            context.out.line(format_args!("copied {entries}, {bytes}, {verified}"))?;
        }
        Ok(Exit::Done)
    }
}

/// Opens both, which may be two parts of one store.
async fn open(
    source: &StoreUrl,
    target: &StoreUrl,
    context: &Context,
) -> Result<(Arc<dyn Datastore>, Arc<dyn Datastore>)> {
    match relation(source, target)? {
        Relation::Overlapping => {
            let (source, target) = (source.redacted(), target.redacted());
            let message =
                format!("{target} is {source}, or one is inside the other: nothing was copied");
            Err(Failure::usage(message).hint("copy to another place, or beside it in a namespace"))
        }
        Relation::Beside => {
            let whole = source.clone().without_namespace();
            let store = context.stores.open_existing_url(&whole).await?;
            let part = |url: &StoreUrl| -> Result<Arc<dyn Datastore>> {
                Ok(match url.namespace()? {
                    Some(prefix) => Arc::new(Namespace::new(Arc::clone(&store), prefix)),
                    None => Arc::clone(&store),
                })
            };
            Ok((part(source)?, part(target)?))
        }
        Relation::Apart => {
            let source = context.stores.open_url_to_read(source).await?;
            Ok((source, context.stores.open_url(target).await?))
        }
    }
}
