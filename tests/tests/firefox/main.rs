//! A real Firefox and Selvedge on one account, by way of `selvedge serve`. Every sync of either side has to be wholly
//! successful: no failed engine, no failed record, nothing that Firefox's own validators complain of.
//!
//! Where there is no Firefox, each test says so and checks nothing.

mod changes;
mod commands;
mod deletions;
mod engines;
mod joining;
mod many;
mod scene;
