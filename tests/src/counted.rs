//! What tests tell besides whether they passed.

use std::fmt::Display;
use std::io::Write as _;

/// Tells how many there were of something, for the summary of `tests/run`: past the harness, which keeps to itself what tests
/// print that pass.
pub fn counted(what: &str, number: impl Display) {
    // One write, so that no line of the harness comes between.
    let line = format!("\ncounted: {what}: {number}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
