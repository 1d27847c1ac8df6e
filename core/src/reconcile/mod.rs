//! Reconciling one record of two sides: pure decisions (spec §5.6, §5.7).

mod fields;
mod record;

pub use fields::{Fields, Known, NotAnObject, has_same_content};
pub use record::{Ours, Outcome, Rule, Side, Theirs, reconcile};
