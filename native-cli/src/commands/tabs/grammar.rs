//! The grammar of `selvedge tabs`.

use clap::Subcommand;

use crate::commands::records::ViewArgs;

/// The subcommands of `tabs`.
#[derive(Debug, Subcommand)]
pub enum TabsCommand {
    /// List the open tabs of all devices, or of one.
    #[command(after_help = "Example:\n  selvedge tabs list --client Laptop")]
    List {
        /// Only devices with this id, or whose name has this text.
        #[arg(long, value_name = "NAME|ID", allow_hyphen_values = true)]
        client: Option<String>,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Print the open tabs for another program.
    #[command(after_help = "Example:\n  selvedge tabs export --format csv")]
    Export {
        /// Only devices with this id, or whose name has this text.
        #[arg(long, value_name = "NAME|ID", allow_hyphen_values = true)]
        client: Option<String>,
        /// How they are printed.
        #[command(flatten)]
        view: ViewArgs,
    },
}
