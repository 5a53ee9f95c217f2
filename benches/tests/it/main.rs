//! The benchmarks run, on a small scale.

use std::time::Duration;

use datastore_benches::{Plan, Scale, run, suite};

#[test]
fn both_sides_of_a_comparison_do_the_same() {
    let plan = Plan { round: Duration::from_micros(100), rounds: 1, budget: Duration::ZERO };
    let scale = Scale { small: 1500, medium: 300, large: 20, plan };
    let dir = tempfile::tempdir().unwrap();
    let mut contests = suite();
    // Every work with small values, through wrappers, which spell the keys differently.
    contests
        .retain(|contest| contest.name.starts_with("fjall+4/") && contest.name.ends_with("/100B"));
    assert!(!contests.is_empty());
    let mut names = Vec::new();
    run(&contests, &scale, dir.path(), |row| {
        let ratio = row.comparison.ratio;
        assert!(ratio.low > 0.0 && ratio.high.is_finite(), "{}: {ratio:?}", row.name);
        names.push(row.name);
        Ok(())
    })
    .unwrap();

    names.sort();
    let mut expected: Vec<_> = contests.into_iter().map(|contest| contest.name).collect();
    expected.sort();
    assert_eq!(names, expected);
}
