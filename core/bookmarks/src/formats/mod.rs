//! File formats: what browsers import and export.
//!
//! | format | read | written |
//! |---|---|---|
//! | [`netscape`]: HTML, every browser | yes | yes |
//! | [`backup`]: Firefox's JSON, plain or as `.jsonlz4` | yes | yes |
//! | [`markdown`], [`csv`]: for people and spreadsheets | | yes |
//!
//! Readers return an [`Outline`], which [`crate::import`] merges into a tree. Writers stream: their memory does not depend on
//! the number of bookmarks.

pub mod backup;
pub mod csv;
pub mod markdown;
pub mod netscape;
mod outline;

pub use outline::{Entry, Outline};

use jiff::Timestamp;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Not HTML with bookmarks.
    #[error("this is not a file of bookmarks in HTML: export one as \"Bookmarks to HTML\"")]
    NotNetscape,
    /// Not JSON, or nested too deeply.
    #[error(
        "this is not a Firefox backup in JSON, or its folders are nested too deeply (at most 60)"
    )]
    Json(#[source] serde_json::Error),
    /// JSON, but no backup.
    #[error(
        "this JSON is not a Firefox backup: create one in Firefox's library, \"Import and Backup\""
    )]
    NotABackup,
    /// Damaged or not lz4.
    #[error("this .jsonlz4 file is damaged: use another backup")]
    Lz4,
}

/// A date for people and spreadsheets; empty if unknown.
fn date_text(milliseconds: i64) -> String {
    if milliseconds <= 0 {
        return String::new();
    }
    Timestamp::from_millisecond(milliseconds)
        .map(|time| time.to_string())
        .unwrap_or_default()
}
