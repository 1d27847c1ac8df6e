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
    /// Open a page on another device of the signed-in account.
    #[command(after_help = "Example:\n  selvedge tabs send Phone https://example.org/")]
    Send {
        /// The device, by name or id.
        device: String,
        /// The URL of the page.
        url: String,
        /// The title of the page.
        #[arg(long, default_value = "")]
        title: String,
    },
    /// List the pages that other devices have sent to this one since the last time.
    #[command(after_help = "Example:\n  selvedge tabs received")]
    Received,
}
