//! What holds of the suite as a whole: no case that nothing runs, and one sequence with one answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use datastore::{MemoryDatastore, Namespace, key};
use datastore_conformance::{Factory, Suite, cases, same_answers};
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials(suites: Vec<Suite>) -> Vec<Trial> {
    vec![
        Trial::test("whole::every_case_runs_on_some_store", move || every_case_runs(&suites)),
        Trial::test("whole::names_of_cases_differ", names_differ),
        Trial::test("whole::all_stores_answer_a_sequence_alike", all_answer_alike),
        Trial::test("whole::a_store_that_answers_otherwise_is_named", another_answer_is_named),
    ]
}

fn every_case_runs(suites: &[Suite]) -> Result<(), Failed> {
    let trials: Vec<Trial> = suites.iter().flat_map(Suite::trials).collect();
    let runs = |case: &str| {
        trials.iter().any(|trial| !trial.has_ignored_flag() && trial.name().ends_with(case))
    };
    match cases().iter().find(|case| !runs(case.name)) {
        Some(case) => Err(format!("no store runs {}", case.name).into()),
        None => Ok(()),
    }
}

fn names_differ() -> Result<(), Failed> {
    let names: BTreeSet<_> = cases().iter().map(|case| case.name).collect();
    if names.len() == cases().len() { Ok(()) } else { Err("two cases have one name".into()) }
}

fn all_answer_alike() -> Result<(), Failed> {
    let stores: Vec<(&str, Arc<dyn Factory>)> = vec![
        ("memory", Arc::new(|| async { Ok(MemoryDatastore::new()) })),
        ("stack", Arc::new(|| async { Ok(crate::stacks::stack()) })),
        ("write_behind", Arc::new(|| async { Ok(crate::stacks::write_behind_stack()) })),
        ("ttl", Arc::new(crate::expiring::stack)),
        ("all_expire", Arc::new(crate::expiring::all_expire)),
        ("fjall", Arc::new(crate::fjall::fjall())),
        ("sqlite", Arc::new(crate::sqlite::sqlite())),
    ];
    same_answers(stores, 7, 24).map_err(Failed::from)
}

fn another_answer_is_named() -> Result<(), Failed> {
    use crate::mistakes::{mistake::Mistake, toy};
    let below = || async { Ok(Namespace::new(MemoryDatastore::new(), key!("/below"))) };
    let stores: Vec<(&str, Arc<dyn Factory>)> = vec![
        ("memory", Arc::new(|| async { Ok(MemoryDatastore::new()) })),
        ("wrong", Arc::new(|| async { Ok(toy(Some(Mistake::RangeEndIncluded))) })),
        ("below", Arc::new(below)),
    ];
    match same_answers(stores, 7, 200) {
        Err(why) if why.contains("wrong") => Ok(()),
        other => Err(format!("the store that is wrong was not named: {other:?}").into()),
    }
}
