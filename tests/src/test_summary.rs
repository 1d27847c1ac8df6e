//! Figures of tests for the summary of `tests/run`.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a figure for the summary of `tests/run`. It writes directly to stderr, because the harness hides the output of passing
/// tests.
pub fn counted(what: &str, number: impl Display) {
    // One write, so that no other output is mixed in.
    let line = format!("\ncounted: {what}: {number}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
