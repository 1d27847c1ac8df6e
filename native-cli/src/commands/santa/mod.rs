//! `selvedge santa`: Santa's sync.

pub mod grammar;
mod rules;
pub mod serve;

use crate::commands::santa::grammar::{RulesCommand, SantaCommand};
use crate::exit::Result;
use crate::output::Output;

/// Does what was asked.
///
/// # Errors
/// What went wrong, and what to do about it.
pub fn run(output: Output, command: SantaCommand) -> Result<()> {
    match command {
        SantaCommand::Rules(RulesCommand::Check { file }) => rules::check(output, &file),
        SantaCommand::Serve(args) => crate::run::many_threads()?.block_on(serve::run(output, args)),
    }
}
