mod data;
mod peers;
mod records;
mod restarted;
mod teller;

use std::path::PathBuf;

use clap::Args;
use datastore::{DatastoreExt, Query};
use datastore_open::StoreUrl;
use restarted::Restarted;
use teller::Teller;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// Show what this does for a node, step by step, on disk: peers over a restart, and the store below them
#[derive(Args)]
#[command(after_help = "Examples:
  dstore demo                   in a temporary directory, which is removed
  dstore demo --dir data        in a directory that stays, for you to look into

The peers are what nodes of go-libp2p and of js-libp2p had stored when they were stopped. The clock of the demo \
stands: first at those moments, so that nothing has expired, then 20 minutes later.")]
pub(crate) struct Demo {
    /// Where to put the store: a directory that is empty or not there. It stays
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    restarted: Restarted,
}

impl Demo {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { dir, restarted } = self;
        if restarted.is_meant() {
            return restarted.run(context).await;
        }
        let (path, stays) = match dir {
            Some(path) => (path, true),
            None => (context.stores.temporary_directory()?.join("store"), false),
        };
        let url = StoreUrl::of_path("fjall", &path)?;
        let stores = context.stores.clone();
        let mut tell = Teller::new(&mut context.out);

        tell.begin(
            "Open a store: an embedded engine in a directory",
            &[&format!("let store = datastore_open::open({:?}).await?;", url.to_string())],
        )?;
        let start = tell.start();
        let store = stores.open_url(&url).await?;
        if store.count(Query::all().limit(1)).await? > 0 {
            let shown = path.display();
            return Err(Failure::usage(format!(
                "{shown} holds a store with entries: the demo wants none"
            ))
            .hint("name a directory that is not there yet"));
        }
        tell.end(start, 0, "opened")?;

        let taken = peers::take_in(&mut tell, &store).await?;
        store.close().await?;
        restarted::run_in_another_process(&mut tell, &url, &taken).await?;

        let store = stores.open_url(&url).await?;
        records::store_records(&mut tell, &store).await?;
        records::commit_together(&mut tell, &store).await?;
        records::list_by_page(&mut tell, &store).await?;
        records::look_at_a_frozen_view(&mut tell, &store).await?;
        records::open_again(&mut tell, &stores, (store, &url)).await?;

        if !tell.out.is_json() {
            tell.out.line(if stays {
                format!(
                    "\nNow look into it yourself:\n  \
                     dstore peers ls '{url}' --with-addresses\n  \
                     dstore stat '{url}'\n  \
                     dstore ls '{url}' --below /providers --limit 5"
                )
            } else {
                "\nThat was in a temporary directory. To look into it yourself: dstore demo --dir data"
                    .to_owned()
            })?;
        }
        Ok(Exit::Done)
    }
}
