//! A bookmark tree that is always complete: every item is in exactly one folder, which lists it.

mod build;
mod duplicates;
mod edit;
mod edit_error;
mod model;
mod new_item;
mod walk;

pub use build::Repaired;
pub(crate) use build::find_cycles;
pub use duplicates::Duplicates;
pub use edit_error::EditError;
pub(crate) use model::Items;
pub use model::{Changes, MAX_DEPTH, Tree};
pub use new_item::{Edit, NewItem};
pub use walk::Walk;
