//! A suite that passes everything proves nothing: each mistake of the toy store is caught, and the toy
//! without one is found without fault.

use datastore::Datastore;
use datastore_conformance::{Report, Scale, Suite, Verdict};
use libtest_mimic::{Failed, Trial};

use mistake::Mistake;

#[path = "../../examples/mistakes/mistake.rs"]
pub(crate) mod mistake;
#[path = "../../examples/mistakes/store.rs"]
mod store;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = Mistake::ALL
        .into_iter()
        .map(|mistake| {
            Trial::test(format!("mistakes::{mistake:?}_is_caught"), move || is_caught(mistake))
        })
        .collect();
    trials.push(Trial::test("mistakes::no_mistake_is_no_failure", || match judge(None) {
        report if report.is_success() => Ok(()),
        report => Err(report.to_string().into()),
    }));
    trials
}

pub(crate) fn toy(mistake: Option<Mistake>) -> impl Datastore {
    store::Toy::new(mistake)
}

fn judge(mistake: Option<Mistake>) -> Report {
    Suite::new(move || async move { Ok(toy(mistake)) }).scale(Scale::Small).run("", |_| {})
}

fn is_caught(mistake: Mistake) -> Result<(), Failed> {
    let report = judge(Some(mistake));
    let hung = |verdict: &Verdict| matches!(verdict, Verdict::Failed(why) if why.contains("hung"));
    if let Some(case) = report.cases.iter().find(|case| hung(&case.verdict)) {
        return Err(format!("{} hung, which says too little", case.name).into());
    }
    if report.failed() == 0 {
        return Err(format!("{mistake:?} ({}) was not caught", mistake.about()).into());
    }
    Ok(())
}
