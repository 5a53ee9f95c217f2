use std::time::Duration;

use datastore::{Clock, SystemClock};
use serde_json::json;

use crate::failure::Result;
use crate::human;
use crate::output::Output;

/// Tells the steps to a person, or to a program.
pub(super) struct Teller<'o> {
    pub(super) out: &'o mut Output,
    clock: SystemClock,
    step: u32,
}

impl<'o> Teller<'o> {
    pub(super) fn new(out: &'o mut Output) -> Self {
        Self { out, clock: SystemClock::new(), step: 0 }
    }

    pub(super) fn begin(&mut self, title: &str, code: &[&str]) -> Result<()> {
        self.step += 1;
        if self.out.is_json() {
            return Ok(());
        }
        if self.step > 1 {
            self.out.line("")?;
        }
        self.out.line(format_args!("{}. {title}", self.step))?;
        for line in code {
            self.out.line(format_args!("   | {line}"))?;
        }
        self.out.flush()
    }

    pub(super) fn start(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(super) fn elapsed(&self, start: Duration) -> Duration {
        self.clock.elapsed().saturating_sub(start)
    }

    pub(super) fn note(&mut self, text: &str) -> Result<()> {
        if self.out.is_json() { Ok(()) } else { self.out.line(format_args!("   {text}")) }
    }

    pub(super) fn end(&mut self, start: Duration, entries: u64, what: &str) -> Result<()> {
        let took = self.elapsed(start);
        let (step, seconds) = (self.step, took.as_secs_f64());
        if self.out.is_json() {
            let step =
                json!({ "step": step, "what": what, "entries": entries, "seconds": seconds });
            self.out.object(&step)?;
        } else {
            self.out.line(format_args!("   {what} ({})", human::time(took)))?;
        }
        self.out.flush()
    }
}
