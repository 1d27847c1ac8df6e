//! The tests that every backend passes. Not part of the API: for the tests of this package and of backends outside of it.
//!
//! A case that fails is an [`Outcome`] with a text, so that one run shows all failures.

mod accounts;
mod concurrency;
pub mod crash;
mod identities;
mod pages;
mod rows;
mod writes;

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

/// Runs all cases, except those that kill a process (see [`crash`]). Needs a runtime with several threads.
pub async fn run(open: Open<'_>) -> Vec<Outcome> {
    let mut outcomes = writes::run(open).await;
    outcomes.extend(pages::run(open).await);
    outcomes.extend(accounts::run(open).await);
    outcomes.extend(identities::run(open).await);
    outcomes.extend(concurrency::run(open).await);
    outcomes
}

/// What a case found.
type Checked = Result<(), String>;

fn outcome(case: &str, checked: Checked) -> Outcome {
    Outcome {
        case: case.to_owned(),
        failure: checked.err(),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Checked {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, expected {expected:?}"))
    }
}

fn fails(what: &str, error: &dyn std::fmt::Display) -> String {
    format!("{what}: {error}")
}
