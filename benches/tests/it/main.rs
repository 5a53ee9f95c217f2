//! The benchmarks run, on a small scale.

use std::time::Duration;

use datastore_benches::{BenchRuntime, Plan, Scale, TtlScale, run, suite, ttl_suite};

#[test]
fn both_sides_of_a_comparison_do_the_same() {
    let plan = Plan { round: Duration::from_micros(100), rounds: 1, budget: Duration::ZERO };
    let scale = Scale { small: 1500, medium: 300, large: 20, reads: plan, writes: plan };
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

#[test]
fn what_expires_is_measured_and_swept_as_often_as_said() {
    let scale = TtlScale { stored: 600, due: 40, rounds: 2, writes: 50 };
    let dir = tempfile::tempdir().unwrap();
    let mut ratios = Vec::new();
    ttl_suite(
        &BenchRuntime::start().unwrap(),
        dir.path(),
        scale,
        |_| true,
        |row| {
            ratios.push((row.name, row.comparison.ratio.median));
            Ok(())
        },
    )
    .unwrap();
    let names: Vec<_> = ratios.iter().map(|(name, _)| name.as_str()).collect();
    let rest = ["ttl/sweep", "ttl/sweep-in-many", "ttl/empty-sweep-us", "ttl/entries-per-key"];
    assert_eq!(names, [&["ttl/refresh"][..], &rest].concat());
    assert!(ratios.iter().all(|(_, ratio)| *ratio > 0.0 && ratio.is_finite()), "{ratios:?}");
    assert_eq!(ratios.last().unwrap().1, 1.0);
}
