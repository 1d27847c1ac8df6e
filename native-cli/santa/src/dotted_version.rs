//! Version numbers that consist of integers and dots.

/// Whether a version consists of integers separated by dots.
pub(crate) fn is_dotted(version: &str) -> bool {
    version
        .split('.')
        .all(|part| !part.is_empty() && part.len() < 10 && part.bytes().all(|b| b.is_ascii_digit()))
}
