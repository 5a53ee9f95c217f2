#![doc = include_str!("../README.md")]

mod bench;
mod case;
mod cases;
mod factory;
mod failure;
mod report;
mod scale;
mod scratch;
mod suite;

pub use case::{Case, Need};
pub use cases::cases;
pub use factory::{Factory, Instance, reopenable};
pub use report::{CaseReport, Report, Verdict};
pub use scale::Scale;
pub use scratch::Scratch;
pub use suite::{Suite, run, trials};
