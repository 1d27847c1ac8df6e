//! A case, and what its checks return.

use crate::model::Bounds;
use crate::storage::open::Storage;

/// Opens a new, empty database.
pub type Open<'a> = &'a (dyn Fn(Bounds) -> Storage + Sync);

/// The result of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The claim that the case tests.
    pub case: String,
    /// What was wrong, if it failed.
    pub failure: Option<String>,
}

/// What a case found.
pub(super) type Checked = Result<(), String>;

pub(super) fn outcome(case: &str, checked: Checked) -> Outcome {
    Outcome {
        case: case.to_owned(),
        failure: checked.err(),
    }
}

pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Checked {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, expected {expected:?}"))
    }
}

pub(super) fn fails(what: &str, error: &dyn std::fmt::Display) -> String {
    format!("{what}: {error}")
}
