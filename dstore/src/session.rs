use std::process::ExitCode;
use std::time::Duration;

use crate::cli::Cli;
use crate::commands::{self, Context};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::human;
use crate::output::Output;
use crate::signals::Signals;
use crate::so_far::SoFar;
use crate::stores::Stores;

/// Runs one command to its end, or until a signal asks to stop; in both cases the stores are closed.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(Failure::io("cannot start the runtime", error))),
    };
    let result = runtime.block_on(run_and_close(cli));
    // A thread that waits for input or output must not hold up the end.
    runtime.shutdown_background();
    end(result)
}

async fn run_and_close(cli: Cli) -> Result<Exit> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::io("cannot listen for signals", error))?;
    let stores = Stores::default();
    let so_far = SoFar::default();
    let context =
        Context { stores: stores.clone(), out: Output::new(cli.json), so_far: so_far.clone() };
    let mut command = tokio::spawn(commands::run(cli.command, context));
    let result = tokio::select! {
        ended = &mut command => ended.unwrap_or_else(|panic| {
            Err(Failure::new(Exit::Defect, format!("a defect of dstore: {panic}")))
        }),
        exit = signals.next() => {
            command.abort();
            // It ends where it waits next. One that is stuck in a write to a pipe ends with the process.
            let _ended = tokio::time::timeout(PATIENCE, command).await;
            Ok(exit)
        }
    };
    let gathering = stores.gathering();
    if let (Ok(Exit::Interrupted | Exit::Terminated), rows @ 1..) = (&result, gathering.rows()) {
        let rows = human::rows(rows);
        tracing::warn!(
            "interrupted: writing what was gathered, {rows}; ends at once if it is interrupted again"
        );
    }
    tokio::select! {
        closed = stores.close() => match closed {
            Err(failure) if result.is_ok() => Err(failure),
            _ => told(result, &so_far),
        },
        // Who asks twice does not want to wait.
        exit = signals.next() => given_up(exit, gathering.rows()),
    }
}

/// Says what may be lost of a command whose stores were not closed.
fn given_up(exit: Exit, rows: u64) -> Result<Exit> {
    if rows == 0 {
        return Ok(exit);
    }
    let lost = format!("interrupted; gathered, and perhaps not written: {}", human::rows(rows));
    Err(Failure::new(exit, lost).hint("it can be run again"))
}

/// Says what stays of a command that was interrupted, where it says so itself.
fn told(result: Result<Exit>, so_far: &SoFar) -> Result<Exit> {
    match (result, so_far.told()) {
        (Ok(exit @ (Exit::Interrupted | Exit::Terminated)), Some(done)) => {
            Err(Failure::new(exit, format!("interrupted; {done}")).hint("it can be run again"))
        }
        (result, _) => result,
    }
}

/// How long an interrupted command may take to let go of its files.
const PATIENCE: Duration = Duration::from_secs(1);

fn end(result: Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.report();
            failure.exit.into()
        }
    }
}
