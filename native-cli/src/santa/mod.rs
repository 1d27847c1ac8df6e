//! What this machine lends to Santa's sync, and what Selvedge makes of it.

pub mod push;
pub mod rule_file;
