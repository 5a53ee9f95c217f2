use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{BenchRuntime, Result, Span, Spread, Subject, Tally, Work, spread};

/// One of two that are compared: who, and what it does.
#[derive(Clone)]
pub struct Side {
    /// Who does it.
    pub subject: Arc<dyn Subject>,
    /// What is done.
    pub work: Work,
}

/// How long a comparison takes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// A round does as many operations as take the right side about this long.
    pub round: Duration,
    /// How many rounds each side gets.
    pub rounds: usize,
    /// Fewer rounds are done where they would take longer than this in all.
    pub budget: Duration,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Time of an operation of the left side, in nanoseconds.
    pub left: Spread,
    /// Time of an operation of the right side, in nanoseconds.
    pub right: Spread,
    /// Left to right, of each pair of rounds.
    pub ratio: Spread,
}

/// Fewer rounds than this have no median to speak of.
const LEAST_ROUNDS: usize = 5;

/// Lets two sides take turns at the same entries and compares the times of each two rounds that
/// followed each other, so that what else the machine does meets both.
///
/// Who begins changes from pair to pair, since the second finds the keys in the processor's caches.
///
/// # Errors
/// Those of the stores; and if the sides did not do the same, which a [`Tally`] shows.
pub fn compare(
    runtime: &BenchRuntime,
    left: &Side,
    right: &Side,
    plan: &Plan,
) -> Result<Comparison> {
    let mut next = 0;
    let mut pair = |ops: usize, left_first: bool| -> Result<(f64, f64)> {
        let span = Span { first: next, ops };
        next += ops;
        let ((left_time, left_tally), (right_time, right_tally)) = if left_first {
            let left_done = round(runtime, left, span)?;
            (left_done, round(runtime, right, span)?)
        } else {
            let right_done = round(runtime, right, span)?;
            (round(runtime, left, span)?, right_done)
        };
        if left_tally != right_tally {
            return Err(format!("not the same work: {left_tally:?} and {right_tally:?}").into());
        }
        let per_op = |time: Duration| time.as_nanos() as f64 / ops as f64;
        Ok((per_op(left_time), per_op(right_time)))
    };

    let entries = right.subject.data().entries();
    let unit = right.work.unit(entries).max(left.work.unit(entries));
    // A key is deleted once a round.
    let most = if right.work == Work::Delete { entries } else { usize::MAX };
    let mut ops = unit;
    let pair_time = loop {
        let (left_ns, right_ns) = pair(ops, true)?;
        let wanted = plan.round.as_nanos() as f64 / (right_ns * unit as f64);
        let wanted_ops = ((wanted as usize).max(1) * unit).min(most);
        if wanted_ops <= ops * 2 {
            ops = wanted_ops;
            break (left_ns + right_ns) * ops as f64;
        }
        // By steps, for the first rounds are slower than the ones to come.
        ops = wanted_ops.min(ops * 8);
    };
    let affordable = (plan.budget.as_nanos() as f64 / pair_time) as usize;
    let rounds = plan.rounds.min(affordable).max(LEAST_ROUNDS);

    let mut times = Vec::with_capacity(rounds);
    for number in 0..rounds {
        times.push(pair(ops, number % 2 == 0)?);
    }
    Comparison::of(&times)
}

impl Comparison {
    /// Of pairs of times, in nanoseconds.
    fn of(times: &[(f64, f64)]) -> Result<Self> {
        let middle = |values: &mut dyn Iterator<Item = f64>| {
            spread(values).ok_or("a comparison without rounds")
        };
        Ok(Self {
            left: middle(&mut times.iter().map(|(left, _)| *left))?,
            right: middle(&mut times.iter().map(|(_, right)| *right))?,
            ratio: middle(&mut times.iter().map(|(left, right)| left / right))?,
        })
    }
}

/// Lets two sides that each answer the time of one of their operations take turns, who begins changing
/// from round to round.
///
/// # Errors
/// Those of the sides; and without rounds.
pub fn alternate(
    rounds: usize,
    mut left: impl FnMut(usize) -> Result<f64>,
    mut right: impl FnMut(usize) -> Result<f64>,
) -> Result<Comparison> {
    let mut times = Vec::with_capacity(rounds);
    for round in 0..rounds {
        times.push(if round % 2 == 0 {
            let left_time = left(round)?;
            (left_time, right(round)?)
        } else {
            let right_time = right(round)?;
            (left(round)?, right_time)
        });
    }
    Comparison::of(&times)
}

/// Does a round of work as a task, and times it. One that writes begins with nothing left to do in the background: what
/// was written before, by either side, would be done on its time.
///
/// # Errors
/// Those of the store.
pub fn round(runtime: &BenchRuntime, side: &Side, span: Span) -> Result<(Duration, Tally)> {
    let Side { subject, work } = side.clone();
    runtime.run(async move {
        if work == Work::Delete {
            // Only what is there can be deleted at its true price.
            Arc::clone(&subject).perform(Work::Batch, span).await?;
        }
        if work.writes() {
            subject.settle().await?;
        }
        let start = now();
        let tally = subject.perform(work, span).await?;
        Ok((start.elapsed(), tally))
    })
}

#[expect(clippy::disallowed_methods, reason = "the stopwatch: real time is what is measured")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("work", &self.work).finish_non_exhaustive()
    }
}
