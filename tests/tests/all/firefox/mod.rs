//! A real Firefox and Selvedge on one account, with `selvedge serve`. Every sync of both sides must be completely successful:
//! no failed engine, no failed record, no problem in Firefox's validators.
//!
//! Without Firefox each test prints a line and is skipped.

mod accounts;
mod changes;
mod commands;
mod deletions;
mod engines;
mod joining;
mod many;
mod setup;
