use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use datastore::{Capabilities, Clock, SystemClock};
use futures::FutureExt;
use libtest_mimic::Trial;

use crate::bench::{Bench, runtime};
use crate::case::{Case, Probe, Run};
use crate::failure::{Failure, Outcome};
use crate::{CaseReport, Factory, Report, Scale, Verdict, cases};

/// The cases over the stores of a factory, and how to run them.
///
/// # Examples
/// ```
/// use datastore::MemoryDatastore;
/// use datastore_conformance::{Scale, Suite};
///
/// let suite = Suite::new(|| async { Ok(MemoryDatastore::new()) }).scale(Scale::Small);
/// let report = suite.run("basics::", |_| {});
/// assert!(report.is_success(), "{report}");
/// ```
#[derive(Clone)]
pub struct Suite {
    factory: Arc<dyn Factory>,
    name: Option<String>,
    scale: Scale,
    seed: u64,
    watchdog: Duration,
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { factory: _, name, scale, seed, watchdog } = self;
        f.debug_struct("Suite")
            .field("name", name)
            .field("scale", scale)
            .field("seed", seed)
            .field("watchdog", watchdog)
            .finish_non_exhaustive()
    }
}

impl Suite {
    /// Where random choices begin, unless told otherwise.
    pub const SEED: u64 = 0x000d_a7a5_702e;

    /// How long a case may take before it counts as hung, unless told otherwise.
    pub const WATCHDOG: Duration = Duration::from_secs(180);

    /// All cases, at full scale; the seed may come from `CONFORMANCE_SEED` in the environment.
    pub fn new(factory: impl Factory) -> Self {
        let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok());
        Self {
            factory: Arc::new(factory),
            name: None,
            scale: Scale::default(),
            seed: seed.unwrap_or(Self::SEED),
            watchdog: Self::WATCHDOG,
        }
    }

    /// Puts a name before those of the [`trials`](Self::trials), where several stores share one test
    /// program.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How hard the cases push.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Where random choices begin.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long a case may take before it counts as hung. A hung case is left to itself: its thread
    /// cannot be ended.
    #[must_use]
    pub fn watchdog(mut self, watchdog: Duration) -> Self {
        self.watchdog = watchdog;
        self
    }

    /// Runs the cases whose name contains `filter`, one after the other, and tells `progress` of each.
    ///
    /// Blocks until they are done; each runs on a thread and a runtime of its own.
    pub fn run(&self, filter: &str, mut progress: impl FnMut(&CaseReport)) -> Report {
        let clock = SystemClock::new();
        let probe = self.probe();
        let mut reports = Vec::new();
        for case in cases().into_iter().filter(|case| case.name.contains(filter)) {
            let start = clock.elapsed();
            let verdict = match &probe {
                Ok(probe) => self.verdict(case, probe),
                Err(why) => Verdict::Failed(format!("the factory could not make a store: {why}")),
            };
            let duration = clock.elapsed().saturating_sub(start);
            let report = CaseReport { name: case.name, about: case.about, verdict, duration };
            progress(&report);
            reports.push(report);
        }
        Report { scale: self.scale, seed: self.seed, cases: reports }
    }

    /// The cases as tests for [`libtest_mimic::run`]. A case that is skipped is printed as ignored, with
    /// the reason as its kind.
    pub fn trials(&self) -> Vec<Trial> {
        let probe = match self.probe() {
            Ok(probe) => Arc::new(probe),
            Err(why) => {
                let failed =
                    move || Err(format!("the factory could not make a store: {why}").into());
                return vec![Trial::test(self.named("the_factory_makes_a_store"), failed)];
            }
        };
        let trial = |case: Case| {
            let (suite, probe) = (self.clone(), Arc::clone(&probe));
            let skipped = case.skipped(&probe, self.scale);
            let run = move || match suite.verdict(case, &probe) {
                Verdict::Passed | Verdict::Skipped(_) => Ok(()),
                Verdict::Failed(why) => Err(why.into()),
            };
            let trial = Trial::test(self.named(case.name), run);
            match skipped {
                Some(why) => trial.with_ignored_flag(true).with_kind(format!("skipped: {why}")),
                None => trial,
            }
        };
        cases().into_iter().map(trial).collect()
    }

    fn named(&self, case: &str) -> String {
        match &self.name {
            Some(name) => format!("{name}::{case}"),
            None => case.to_owned(),
        }
    }

    fn verdict(&self, case: Case, probe: &Probe) -> Verdict {
        if let Some(why) = case.skipped(probe, self.scale) {
            return Verdict::Skipped(why);
        }
        let (suite, capabilities) = (self.clone(), probe.capabilities.clone());
        match self.guarded(case.name, move || suite.run_case(case, capabilities)) {
            Ok(()) => Verdict::Passed,
            Err(failure) => Verdict::Failed(failure.to_string()),
        }
    }

    fn run_case(&self, case: Case, capabilities: Capabilities) -> Outcome {
        let bench = Bench::new(Arc::clone(&self.factory), capabilities, self.scale, self.seed);
        let runtime = runtime()?;
        let ended = match case.run {
            Run::Async(run) => runtime.block_on(AssertUnwindSafe(run(&bench)).catch_unwind()),
            Run::Blocking(run) => catch_unwind(AssertUnwindSafe(|| run(&bench))),
        };
        let cleaned = runtime.block_on(bench.clean_up());
        // What a failed case left running must not hold up the next.
        runtime.shutdown_background();
        ended.unwrap_or_else(|panic| Err(panicked(&*panic)))?;
        cleaned.map_err(|failure| failure.during("cleaning up"))
    }

    fn probe(&self) -> Outcome<Probe> {
        let suite = self.clone();
        self.guarded("the_factory_makes_a_store", move || {
            let bench = Bench::new(
                Arc::clone(&suite.factory),
                Capabilities::minimal(),
                suite.scale,
                suite.seed,
            );
            runtime()?.block_on(async {
                let place = bench.place().await?;
                let capabilities = place.open().await?.capabilities();
                let reopens = place.reopens();
                bench.clean_up().await?;
                Ok(Probe { capabilities, reopens })
            })
        })
    }

    /// Runs `work` on a thread of its own, and gives up on it when the watchdog bites.
    fn guarded<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (sender, receiver) = sync_channel(1);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(work));
            // Nobody listens any more if the watchdog bit.
            drop(sender.send(ended.unwrap_or_else(|panic| Err(panicked(&*panic)))));
        })?;
        receiver.recv_timeout(self.watchdog).unwrap_or_else(|_| {
            Err(Failure::new(format!("hung: did not end within {:?}", self.watchdog)))
        })
    }
}

/// The cases over the stores of `factory`, as tests for [`libtest_mimic::run`].
pub fn trials(factory: impl Factory) -> Vec<Trial> {
    Suite::new(factory).trials()
}

/// Runs the cases whose name contains `filter` over the stores of `factory`.
pub fn run(factory: impl Factory, filter: &str) -> Report {
    Suite::new(factory).run(filter, |_| {})
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Failure::new(format!("panicked: {}", message.as_deref().unwrap_or("no message")))
}
