//! The suite over the stores of this workspace. The test program is `libtest-mimic`'s, so that each case
//! over each store is a test with a name, and a skipped one is printed with its reason.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod expiring;
mod fjall;
mod mistakes;
mod modest;
mod read_only;
mod sqlite;
mod stacks;
mod whole;

use std::process::ExitCode;

use datastore_conformance::Suite;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let suites = [
        stacks::suites(),
        expiring::suites(),
        fjall::suites(),
        sqlite::suites(),
        modest::suites(),
        read_only::suites(),
    ]
    .concat();
    let mut trials: Vec<_> = suites.iter().flat_map(Suite::trials).collect();
    trials.extend(mistakes::trials());
    trials.extend(whole::trials(suites));
    libtest_mimic::run(&arguments, trials).exit_code()
}
