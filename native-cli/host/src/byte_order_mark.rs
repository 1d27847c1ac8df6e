//! The byte order mark with which some editors and shells begin their files.

/// What U+FEFF is in UTF-8.
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Bytes without the byte order mark that they may begin with.
///
/// ```
/// use selvedge_host::byte_order_mark::without_mark;
///
/// assert_eq!(without_mark(b"\xef\xbb\xbf{}"), b"{}");
/// assert_eq!(without_mark(b"{}"), b"{}");
/// ```
#[must_use]
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(&MARK).unwrap_or(bytes)
}

/// Removes the byte order mark that bytes may begin with.
///
/// ```
/// let mut bytes = b"\xef\xbb\xbfa".to_vec();
/// selvedge_host::byte_order_mark::remove_mark(&mut bytes);
/// assert_eq!(bytes, b"a");
/// ```
pub fn remove_mark(bytes: &mut Vec<u8>) {
    if bytes.starts_with(&MARK) {
        bytes.drain(..MARK.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_mark_at_the_beginning_is_skipped() {
        for (bytes, expected) in [
            (&b"\xef\xbb\xbfab"[..], &b"ab"[..]),
            (b"\xef\xbb\xbf", b""),
            (b"\xef\xbb", b"\xef\xbb"),
            (b"a\xef\xbb\xbf", b"a\xef\xbb\xbf"),
            (b"\xef\xbb\xbf\xef\xbb\xbf", b"\xef\xbb\xbf"),
            (b"", b""),
        ] {
            assert_eq!(without_mark(bytes), expected);
            let mut removed = bytes.to_vec();
            remove_mark(&mut removed);
            assert_eq!(removed, expected);
        }
    }
}
