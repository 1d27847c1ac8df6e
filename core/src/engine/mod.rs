//! The properties of a collection: format version, time to live of its records, and how two versions of a record merge.

mod catalog;
mod generic;
mod records;
mod restore;
mod validity;

pub use catalog::{FIREFOX_ENGINES, FirefoxEngine};
pub use generic::{Engine, Generic};
pub use records::Records;
pub use restore::restore;
pub use validity::check_alone;
pub(crate) use validity::held_back;
