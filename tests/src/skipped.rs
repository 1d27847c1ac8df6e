//! Tests that need a program which is not installed.

/// Prints that a test is skipped because `tool` is missing.
///
/// # Panics
/// In continuous integration (`CI` is set), which has every tool: a test that did not run must not pass there.
pub fn skipped(tool: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|value| value.is_empty()),
        "{tool} is missing, and CI is set: install it"
    );
    eprintln!("skipped: {tool} is not installed");
}
