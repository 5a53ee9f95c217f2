mod verdict;

use std::thread;

use clap::{Args, ValueEnum};
use datastore::{Datastore, key};
use datastore_conformance::{CaseReport, Report, Suite, cases};
use serde_json::json;
use tokio::sync::mpsc::channel;
use tokio::sync::oneshot;

use self::verdict::Verdict;
use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::store_arg::StoreArg;

/// Hold a store against the contract: is it good enough?
#[derive(Args)]
#[command(after_help = "Examples:
  dstore conformance fjall:data
  dstore conformance fjall:data --filter cursor --scale small
  dstore conformance fjall:data --json                a line for each case, then the sums
  dstore conformance 's3://bucket?endpoint=http://127.0.0.1:9000' --scale small

Every case works in a namespace of its own, /dstore-scratch-RANDOM, which is removed afterwards; what else \
is in the store is not touched. Where nobody could (SIGKILL, a loss of power), `dstore ls URL --prefix \
/dstore-scratch-` finds it, and `dstore del URL --below /dstore-scratch-RANDOM --yes` removes it. In a \
bucket it is a store of its own below the prefix, so the one that may be there is not even opened. A case \
that says nothing about this store is skipped, with the reason. At the end it says what the store is good \
for.
Exit code 1 if a case failed.")]
pub(crate) struct Conformance {
    /// URL of the store; created if it is not there and has to be
    store: StoreArg,
    /// Only cases whose name has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// How hard to push
    #[arg(long, value_enum, default_value_t = Scale::Full)]
    scale: Scale,
    /// Where random choices begin
    #[arg(long, value_name = "NUMBER", default_value_t = Suite::SEED)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scale {
    /// Where an operation takes milliseconds, and for quick looks
    Small,
    /// For embedded stores
    Full,
}

impl Conformance {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let Self { store, filter, scale, seed } = self;
        let names = cases().into_iter().map(|case| case.name).filter(|name| name.contains(&filter));
        let Some(width) = names.map(str::len).max() else {
            return Err(Failure::usage(format!("no case has {filter:?} in its name")));
        };
        let scratch = context.stores.scratch(&store).await?;
        let capabilities = scratch.inside().capabilities();
        let factory = datastore_conformance::Scratch::new(scratch.inside(), key!("/cases"));
        let suite = Suite::new(factory).seed(seed).scale(match scale {
            Scale::Small => datastore_conformance::Scale::Small,
            Scale::Full => datastore_conformance::Scale::Full,
        });

        // The suite blocks, with runtimes of its own.
        let cases_with = filter.clone();
        let (progress, mut cases) = channel::<CaseReport>(16);
        let (finish, finished) = oneshot::channel::<Report>();
        thread::Builder::new()
            .name("dstore-suite".to_owned())
            .spawn(move || {
                // Nobody listens any more where the command was interrupted.
                let report =
                    suite.run(&cases_with, |case| drop(progress.blocking_send(case.clone())));
                drop(finish.send(report));
            })
            .map_err(|error| Failure::io("cannot start a thread", error))?;

        let out = &mut context.out;
        while let Some(case) = cases.recv().await {
            if out.is_json() {
                out.object(&case)?;
            } else {
                out.line(format_args!("{case:width$}"))?;
            }
            out.flush()?;
        }
        let ended_early = |_| Failure::new(Exit::Defect, "the suite ended before its last case");
        let report = finished.await.map_err(ended_early)?;
        let (passed, failed, skipped) = (report.passed(), report.failed(), report.skipped());
        let verdict = Verdict { capabilities: &capabilities, failed, whole: filter.is_empty() };
        if out.is_json() {
            out.object(&json!({
                "passed": passed,
                "failed": failed,
                "skipped": skipped,
                "scale": report.scale,
                "seed": report.seed,
                "verdict": verdict.to_json(),
            }))?;
        } else {
            out.line(format_args!("{passed} passed, {failed} failed, {skipped} skipped"))?;
            out.line(verdict)?;
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::No })
    }
}
