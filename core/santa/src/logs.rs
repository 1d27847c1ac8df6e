//! Logs that the operator allows to be sent.

use alloc::string::String;
use alloc::vec::Vec;

/// A log to send.
///
/// ```
/// use selvedge_santa::LogFile;
///
/// let file = LogFile { name: "santa.log".into(), content: b"a line".to_vec() };
/// assert_eq!(file.content.len(), 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Its name without folders.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The logs that the operator allows to be sent. The server never chooses which files.
#[derive(Clone, Copy)]
pub struct Logs<'a> {
    /// Reads the files that the operator has listed, if they exist; called only when the server requests them.
    pub files: &'a dyn Fn() -> Vec<LogFile>,
    /// Whether they may be sent to a host other than the server's.
    pub any_host: bool,
    /// Maximum size of all files together, in bytes; files beyond it are omitted.
    pub max_bytes: usize,
}
