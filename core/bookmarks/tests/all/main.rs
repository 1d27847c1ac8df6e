//! Tests of the crate through its public interface.

mod account;
mod differential;
mod files;
mod laws;
mod records;
mod rules;
mod splitting;
mod traps;
