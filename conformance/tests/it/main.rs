//! The suite over the stores of this workspace. The test program is `libtest-mimic`'s, so that each case
//! over each store is a test with a name, and a skipped one is printed with its reason.

mod stacks;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, stacks::trials()).exit_code()
}
