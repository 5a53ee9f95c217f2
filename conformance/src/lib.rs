#![doc = include_str!("../README.md")]

mod bench;
mod case;
mod cases;
mod factory;
mod failure;
mod history;
mod linearizability;
mod model;
mod recorder;
mod replay;
mod report;
mod scale;
mod scratch;
mod sequence;
mod stacks;
mod suite;

pub use case::{Case, Need};
pub use cases::cases;
pub use factory::{Factory, Instance, reopenable};
pub use history::{Action, Call, Reply, Violation};
pub use linearizability::check_linearizable;
pub use report::{CaseReport, Report, Verdict};
pub use scale::Scale;
pub use scratch::Scratch;
pub use stacks::same_answers;
pub use suite::{Suite, run, trials};
