//! Tests of the crate through its public interface.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod account;
mod checks;
mod differential;
mod edits;
mod engine;
mod files;
mod laws;
mod records;
mod rules;
mod splitting;
mod traps;
