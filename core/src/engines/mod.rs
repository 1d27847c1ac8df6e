//! The properties of a collection: format version, time to live of its records, and how versions of its records merge.

mod catalog;
mod edit;
mod engine;
mod generic;
mod records;
mod restore;
#[cfg(feature = "whole-collections")]
mod tree;
mod validity;

pub use crate::host::Key;
pub use catalog::{FIREFOX_ENGINES, FirefoxEngine};
pub(crate) use engine::key_of;
pub use engine::{Cleartext, Engine, Merge, RecordMerge, Validity};
pub use generic::Generic;
pub use records::Records;
pub use restore::restore;
#[cfg(feature = "whole-collections")]
pub use tree::{
    LocalVersion, Replaced, ServerVersion, TreeEdit, TreeInput, TreeItem, TreeMerge, TreePlan,
    TreeRecord, TreeUpload,
};
pub use validity::check_alone;
pub(crate) use validity::held_back;
