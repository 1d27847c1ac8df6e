//! What of an account goes into a header.

use crate::error::{Error, Result};

/// What goes into a header must fit into one.
pub(super) fn check_header(text: &str, name: &str) -> Result<()> {
    if !text.is_empty() && text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Error::Input(alloc::format!(
            "{name} must be printable ASCII characters without blanks"
        )))
    }
}
