//! How many peers there are, and what becomes of those that are too many.

mod census;
mod counted;
mod full;
mod model;
mod persistence;
mod pressure;
mod races;
mod watermarks;
