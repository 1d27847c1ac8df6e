//! The grammar of `selvedge santa`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::commands::santa::serve::ServeArgs;

/// What to do about a machine's rules.
#[derive(Debug, Subcommand)]
pub enum SantaCommand {
    /// Check rules.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Run a small server, for tests and trials.
    Serve(ServeArgs),
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check a file of rules as a machine checks those of a server.
    #[command(
        long_about = "Check a file of rules as a machine checks those of a server.\n\nThe file holds a list of rules in JSON, a page as a server sends it, or one rule a line.",
        after_help = "Example:\n  selvedge santa rules check rules.json"
    )]
    Check {
        /// The file; - for standard input.
        file: PathBuf,
    },
}
