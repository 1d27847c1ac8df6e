//! Reconciling one record of two sides: pure decisions (spec §5.6, §5.7).

mod fields;
mod record;
mod side;
mod tombstone;

pub use fields::{Fields, Known, NotAnObject, has_same_content};
pub use record::{Ours, Outcome, Rule, Theirs, reconcile};
pub use side::Side;
pub use tombstone::TombstoneFinder;
pub(crate) use tombstone::is_truthy;
