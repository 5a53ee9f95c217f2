use std::time::Duration;

use datastore::{Clock, SystemClock};

/// How long to measure, and by which clock.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    clock: SystemClock,
    duration: Duration,
}

/// What was measured of one kind of operation.
pub(super) struct Measured {
    /// What the operations did: entries where they do many.
    pub(super) items: u64,
    pub(super) per_second: f64,
    /// Half of the operations took at most this long.
    pub(super) half: Duration,
    /// 99 of 100 operations took at most this long.
    pub(super) most: Duration,
    pub(super) longest: Duration,
}

impl Budget {
    pub(super) fn new(seconds: f64) -> Self {
        Self { clock: SystemClock::new(), duration: Duration::from_secs_f64(seconds) }
    }

    /// Begins to measure.
    pub(super) fn begin(&self) -> Meter {
        let start = self.clock.elapsed();
        Meter { budget: *self, start, now: start, rounds: 0, times: Times::default() }
    }
}

/// Measures one kind of operation, round by round.
pub(super) struct Meter {
    budget: Budget,
    start: Duration,
    now: Duration,
    rounds: u64,
    times: Times,
}

impl Meter {
    /// The number of the round that begins now; `None` once the time is up.
    pub(super) fn next_round(&self) -> Option<u64> {
        (self.now - self.start < self.budget.duration).then_some(self.rounds)
    }

    /// Ends a round, in which `items` were done.
    pub(super) fn end_round(&mut self, items: u64) {
        let end = self.budget.clock.elapsed();
        self.times.add(items, end - self.now);
        self.now = end;
        self.rounds += 1;
    }

    pub(super) fn finish(mut self) -> Times {
        self.times.passed = self.now - self.start;
        self.times
    }
}

/// How long operations took: all of them while they are few, an even sample of many.
#[derive(Default)]
pub(super) struct Times {
    items: u64,
    passed: Duration,
    longest: Duration,
    sample: Vec<Duration>,
    /// Of this power of two, one is in the sample.
    stride: u32,
    seen: u64,
}

/// A sample that grows to this many is halved.
const SAMPLE: usize = 1 << 16;

impl Times {
    fn add(&mut self, items: u64, took: Duration) {
        self.items += items;
        self.longest = self.longest.max(took);
        if self.seen.trailing_zeros() >= self.stride {
            self.sample.push(took);
            if self.sample.len() == SAMPLE {
                let mut position = 0;
                self.sample.retain(|_| {
                    position += 1;
                    position % 2 == 1
                });
                self.stride += 1;
            }
        }
        self.seen += 1;
    }

    /// Those of tasks that ran beside each other.
    pub(super) fn beside(mut self, other: Self) -> Self {
        self.items += other.items;
        self.passed = self.passed.max(other.passed);
        self.longest = self.longest.max(other.longest);
        self.sample.extend(other.sample);
        self
    }

    pub(super) fn measured(mut self) -> Measured {
        self.sample.sort_unstable();
        let at = |part: f64| {
            let position = (self.sample.len() as f64 * part) as usize;
            self.sample.get(position).or(self.sample.last()).copied().unwrap_or_default()
        };
        let (half, most) = (at(0.50), at(0.99));
        let seconds = self.passed.as_secs_f64().max(f64::MIN_POSITIVE);
        let per_second = self.items as f64 / seconds;
        Measured { items: self.items, per_second, half, most, longest: self.longest }
    }
}
