//! A bookmark tree that is always complete: every item is in exactly one folder, which lists it.

mod build;
mod duplicates;
mod edit;
mod model;
mod walk;

pub use build::Repaired;
pub(crate) use build::find_cycles;
pub use duplicates::Duplicates;
pub use edit::{Edit, EditError, NewItem};
pub(crate) use model::Items;
pub use model::{Changes, MAX_DEPTH, Tree};
pub use walk::Walk;
