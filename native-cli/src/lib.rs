//! The command line of Selvedge: commands and how their answers are shown.

mod allocator;
pub mod cli;
pub mod commands;
mod confirm;
pub mod device;
mod interrupt;
mod logging;
pub mod output;
pub mod progress;
pub mod remote;
mod run;
mod signed_in;
pub mod usage;

pub use run::run;
