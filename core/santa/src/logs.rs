//! Logs, as far as the operator allows them to be sent.

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
    /// What is in it.
    pub content: Vec<u8>,
}

/// What the operator allows of logs. The server never chooses which files.
#[derive(Clone, Copy)]
pub struct Logs<'a> {
    /// Reads the files that the operator has listed, as far as they are there; asked only when they are wanted.
    pub files: &'a dyn Fn() -> Vec<LogFile>,
    /// Whether they may go to another host than the server's.
    pub any_host: bool,
    /// All files together have no more bytes; those beyond are left out.
    pub max_bytes: usize,
}
