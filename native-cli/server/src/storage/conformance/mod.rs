//! The tests that every backend passes. Not part of the API: for the tests of this package and of backends outside of it.
//!
//! A case that fails is an [`Outcome`] with a text, so that one run shows all failures.

mod accounts;
mod case;
mod concurrency;
pub mod crash;
mod identities;
mod pages;
mod rows;
mod writes;

pub use self::case::{Open, Outcome};

/// Runs all cases, except those that kill a process (see [`crash`]). Needs a runtime with several threads.
pub async fn run(open: Open<'_>) -> Vec<Outcome> {
    let mut outcomes = writes::run(open).await;
    outcomes.extend(pages::run(open).await);
    outcomes.extend(accounts::run(open).await);
    outcomes.extend(identities::run(open).await);
    outcomes.extend(concurrency::run(open).await);
    outcomes
}
