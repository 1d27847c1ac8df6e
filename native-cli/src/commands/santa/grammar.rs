//! The grammar of `selvedge santa`.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do about a machine's rules.
#[derive(Debug, Subcommand)]
pub enum SantaCommand {
    /// Check rules.
    #[command(subcommand)]
    Rules(RulesCommand),
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
