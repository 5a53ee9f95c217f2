//! A toy store with mistakes to plant, one at a time, and what the suite says of each.
//!
//! `cargo run --example mistakes` shows which cases catch which mistake;
//! `cargo run --example mistakes -- BatchNotAtomic` runs one and prints the whole report.

#![allow(clippy::print_stdout, reason = "an example prints")]

mod mistake;
mod store;

use std::process::ExitCode;

use datastore_conformance::{Report, Scale, Suite, Verdict};
use mistake::Mistake;
use store::Toy;

fn main() -> ExitCode {
    let Some(asked) = std::env::args().nth(1) else {
        let all = [None].into_iter().chain(Mistake::ALL.into_iter().map(Some));
        let caught = all.map(|mistake| summarize(mistake, &judge(mistake)));
        // Every one is looked at, whatever the first ones were.
        let missed = caught.filter(|as_it_should_be| !as_it_should_be).count();
        return if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    let Some(mistake) = Mistake::ALL.into_iter().find(|mistake| format!("{mistake:?}") == asked)
    else {
        println!("no such mistake: choose one of {:?}", Mistake::ALL);
        return ExitCode::FAILURE;
    };
    println!("{}", judge(Some(mistake)));
    ExitCode::SUCCESS
}

fn judge(mistake: Option<Mistake>) -> Report {
    Suite::new(move || async move { Ok(Toy::new(mistake)) }).scale(Scale::Small).run("", |_| {})
}

/// Prints what caught it; says whether it was caught, or was rightly found without fault.
fn summarize(mistake: Option<Mistake>, report: &Report) -> bool {
    let failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed(_));
    let cases: Vec<_> =
        report.cases.iter().filter(|case| failed(&case.verdict)).map(|case| case.name).collect();
    let Some(mistake) = mistake else {
        println!("no mistake: {} passed, {} failed", report.passed(), report.failed());
        return report.is_success();
    };
    println!("{mistake:?} ({}): caught by {} cases", mistake.about(), cases.len());
    for case in &cases {
        println!("    {case}");
    }
    !cases.is_empty()
}
