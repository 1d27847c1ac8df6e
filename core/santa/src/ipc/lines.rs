//! Splits a socket's bytes into lines.

use alloc::string::ToString;
use alloc::vec::Vec;

use memchr::memchr;
use serde_json::Value;

/// Maximum length of a line, in bytes, without its end: one mebibyte.
pub const LINE_BYTES: usize = 1 << 20;

/// A line is longer than allowed: the connection is closed after the response.
///
/// ```
/// assert_eq!(selvedge_santa::ipc::TooLong.to_string(), "the line is longer than a mebibyte");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line is longer than a mebibyte")]
pub struct TooLong;

/// Collects bytes until a line is complete.
///
/// ```
/// use selvedge_santa::ipc::Lines;
///
/// let mut lines = Lines::default();
/// lines.push(b"{}\n{");
/// assert_eq!(lines.next_line()?, Some(b"{}".to_vec()));
/// assert_eq!(lines.next_line()?, None);
/// assert!(lines.is_in_a_line());
/// # Ok::<(), selvedge_santa::ipc::TooLong>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Number of bytes that were already searched for a line end.
    searched: usize,
}

impl Lines {
    /// Appends received bytes. A host reads on only after [`Lines::next_line`] has returned `None`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete line, without its end.
    ///
    /// # Errors
    /// When it is too long.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        match memchr(b'\n', unsearched) {
            Some(at) => {
                let end = self.searched + at;
                if end > LINE_BYTES {
                    return Err(TooLong);
                }
                let rest = self.bytes.split_off(end + 1);
                let mut line = core::mem::replace(&mut self.bytes, rest);
                line.truncate(end);
                self.searched = 0;
                Ok(Some(line))
            }
            None if self.bytes.len() > LINE_BYTES => Err(TooLong),
            None => {
                self.searched = self.bytes.len();
                Ok(None)
            }
        }
    }

    /// Whether an incomplete line is buffered: a host limits how long it may take.
    #[must_use]
    pub const fn is_in_a_line(&self) -> bool {
        !self.bytes.is_empty()
    }
}

/// Whether brackets are nested at most `limit` deep, so that no document makes the reader recurse further.
pub(super) fn is_shallow(text: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return false;
        }
    }
    true
}

/// One object a line: JSON has no raw end of line within.
pub(super) fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn lines(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), TooLong>) {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            loop {
                match lines.next_line() {
                    Ok(Some(line)) => seen.push(line),
                    Ok(None) => break,
                    Err(error) => return (seen, Err(error)),
                }
            }
        }
        (seen, Ok(()))
    }

    #[test]
    fn the_maximum_line_length_is_a_mebibyte() {
        let mut whole = alloc::vec![b'a'; LINE_BYTES];
        whole.push(b'\n');
        assert!(lines(&[&whole]).1.is_ok());
        whole.insert(0, b'a');
        assert!(lines(&[&whole]).1.is_err());
        assert!(lines(&[whole.get(..=LINE_BYTES).unwrap()]).1.is_err());
    }

    proptest! {
        #[test]
        fn chunk_sizes_make_no_difference(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..100), size in 1..20_usize,
        ) {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            let (split, _) = lines(&chunks);
            prop_assert_eq!(&split, &lines(&[&bytes]).0);
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(split.len(), ends);
        }
    }
}
