//! The grammar of `selvedge bookmarks`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::DryRun;
use crate::commands::records::Format;

/// The subcommands of `bookmarks`. An item is named by its path, like Menu/Recipes, its id, or its URL.
#[derive(Debug, Subcommand)]
pub enum BookmarksCommand {
    /// List bookmarks with their folders, in the order of the tree.
    #[command(after_help = "Example:\n  selvedge bookmarks list Menu --tag recipe")]
    List {
        /// Only what is in this folder and below.
        #[arg(value_name = "PATH|ID")]
        folder: Option<String>,
        /// Only bookmarks with this tag.
        #[arg(long)]
        tag: Option<String>,
        /// How they are listed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Print the tree of folders and bookmarks.
    #[command(after_help = "Example:\n  selvedge bookmarks tree Menu")]
    Tree {
        /// Only this folder.
        #[arg(value_name = "PATH|ID")]
        folder: Option<String>,
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// Show one item.
    #[command(after_help = "Example:\n  selvedge bookmarks show https://example.org/")]
    Show {
        /// The item.
        #[arg(value_name = "PATH|ID|URL")]
        item: String,
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// List bookmarks whose title, URL, tags or keyword have this text.
    #[command(after_help = "Example:\n  selvedge bookmarks search soup")]
    Search {
        /// The text.
        text: String,
        /// How they are listed.
        #[command(flatten)]
        listing: Listing,
    },
    /// Add a bookmark, a folder or a separator.
    #[command(
        after_help = "Example:\n  selvedge bookmarks add https://example.org/ --title Example --folder Menu"
    )]
    Add {
        /// The URL of a bookmark.
        #[arg(required_unless_present_any = ["new_folder", "separator"], conflicts_with_all = ["new_folder", "separator"])]
        url: Option<String>,
        /// Add a folder instead.
        #[arg(long, requires = "title", conflicts_with = "separator")]
        new_folder: bool,
        /// Add a separator instead.
        #[arg(long)]
        separator: bool,
        /// The title.
        #[arg(long)]
        title: Option<String>,
        /// The folder that it is added to.
        #[arg(long, value_name = "PATH|ID", default_value = "Other")]
        folder: String,
        /// Its position in the folder, counted from 0 [default: the end].
        #[arg(long, value_name = "INDEX")]
        position: Option<usize>,
        /// Its tags.
        #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
        tags: Vec<String>,
        /// Its keyword.
        #[arg(long)]
        keyword: Option<String>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Change an item.
    #[command(
        after_help = "Example:\n  selvedge bookmarks edit https://example.org/ --title 'The example'"
    )]
    Edit {
        /// The item.
        #[arg(value_name = "PATH|ID|URL")]
        item: String,
        /// Its new title.
        #[arg(long)]
        title: Option<String>,
        /// Its new URL.
        #[arg(long)]
        url: Option<String>,
        /// All its tags; an empty text removes them.
        #[arg(long, value_name = "TAG,…", value_delimiter = ',')]
        tags: Option<Vec<String>>,
        /// Its keyword; an empty text removes it.
        #[arg(long)]
        keyword: Option<String>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Move an item to another folder or position.
    #[command(
        after_help = "Example:\n  selvedge bookmarks move https://example.org/ Toolbar --position 0"
    )]
    Move {
        /// The item.
        #[arg(value_name = "PATH|ID|URL")]
        item: String,
        /// The folder.
        #[arg(value_name = "PATH|ID")]
        folder: String,
        /// Its position in the folder, counted from 0 [default: the end].
        #[arg(long, value_name = "INDEX")]
        position: Option<usize>,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Delete an item; a folder is deleted with all that is in it.
    #[command(after_help = "Example:\n  selvedge bookmarks delete https://example.org/ --dry-run")]
    Delete {
        /// The item.
        #[arg(value_name = "PATH|ID|URL")]
        item: String,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Import a file: HTML of any browser, or a backup of Firefox (.json, .jsonlz4).
    #[command(
        long_about = "Import a file: HTML of any browser, or a backup of Firefox (.json, .jsonlz4).\n\nWhat is there already, by folder and URL, stays; the rest is added. --dry-run lists each step.",
        after_help = "Example:\n  selvedge bookmarks import bookmarks.html --dry-run"
    )]
    Import {
        /// The file, or `-` for stdin.
        file: PathBuf,
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Write all bookmarks to stdout.
    #[command(after_help = "Example:\n  selvedge bookmarks export --to html > bookmarks.html")]
    Export {
        /// The format: html for every browser, json for Firefox.
        #[arg(long, value_enum, default_value_t = FileFormat::Html)]
        to: FileFormat,
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// List what is wrong with the records: lost items, wrong parents, cycles.
    #[command(after_help = "Example:\n  selvedge bookmarks check")]
    Check {
        /// Read from the server instead of this device's store.
        #[arg(long)]
        remote: bool,
    },
    /// Delete bookmarks that are in a folder more than once; the oldest stays.
    #[command(after_help = "Example:\n  selvedge bookmarks dedupe --dry-run")]
    Dedupe {
        /// Print what would be done, but write nothing.
        #[command(flatten)]
        dry_run: DryRun,
    },
}

/// How bookmarks are listed.
#[derive(Debug, Args)]
pub struct Listing {
    /// Read from the server instead of this device's store.
    #[arg(long)]
    pub(super) remote: bool,
    /// The output format [default: `table` on a terminal, `jsonl` elsewhere, `json` with --json].
    #[arg(long, value_enum, conflicts_with = "json")]
    pub(super) format: Option<Format>,
    /// The maximum number of bookmarks.
    #[arg(long, value_name = "COUNT")]
    pub(super) limit: Option<usize>,
}

/// File formats of bookmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// HTML, which every browser imports.
    Html,
    /// Firefox's backup.
    Json,
    /// For people.
    Markdown,
    /// For spreadsheets.
    Csv,
}
