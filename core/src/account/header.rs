//! The parts of an account that are sent in a header.

use crate::error::{Error, Result};

/// Checks that a text is valid in a header: 1 to 4096 printable ASCII characters without blanks.
pub(super) fn check_header(text: &str, name: &str) -> Result<()> {
    if !text.is_empty() && text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Error::Input(alloc::format!(
            "{name} must be printable ASCII characters without blanks"
        )))
    }
}
