use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::Scale;

/// What the suite found out about a store.
///
/// [`Display`](fmt::Display) prints a table; [`to_json`](Self::to_json) is for programs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How hard the cases pushed.
    pub scale: Scale,
    /// Where random choices began; the same seed makes the same choices.
    pub seed: u64,
    /// One for each case that the filter let through, in the order they ran.
    pub cases: Vec<CaseReport>,
}

/// What one case found out.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CaseReport {
    /// Name of the [`Case`](crate::Case).
    pub name: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long it took, the making of its stores included.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub duration: Duration,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "why", rename_all = "lowercase")]
pub enum Verdict {
    /// The store does what the case asks.
    Passed,
    /// It does not; with what was seen.
    Failed(String),
    /// The case says nothing about this store; with the reason.
    Skipped(String),
}

impl Report {
    /// Whether no case failed and at least one passed: a run that tested nothing is no success.
    pub fn is_success(&self) -> bool {
        self.passed() > 0 && self.failed() == 0
    }

    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Passed))
    }

    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// How many cases were skipped.
    pub fn skipped(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Skipped(_)))
    }

    /// The report as JSON: `{scale, seed, cases: [{name, about, verdict, why, seconds}]}`, where
    /// `verdict` is `passed`, `failed` or `skipped`, and a passed case has no `why`.
    pub fn to_json(&self) -> serde_json::Value {
        // Strings, numbers and lists: nothing of it can fail to be JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| is(&case.verdict)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.cases.iter().map(|case| case.name.len()).max().unwrap_or_default();
        for case in &self.cases {
            writeln!(f, "{case:width$}")?;
        }
        let (passed, failed, skipped) = (self.passed(), self.failed(), self.skipped());
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// One line; a width pads the name.
impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or_default();
        let Self { name, about: _, verdict, duration } = self;
        let seconds = duration.as_secs_f64();
        match verdict {
            Verdict::Passed => write!(f, "ok       {name:width$}  {seconds:7.3} s"),
            Verdict::Failed(why) => write!(f, "FAILED   {name:width$}  {seconds:7.3} s  {why}"),
            Verdict::Skipped(why) => write!(f, "skipped  {name:width$}             {why}"),
        }
    }
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}
