//! How much of a text a JSON string has as it is.

/// Number of bytes before the next quote, backslash or control character.
pub(crate) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let mut length = 0;
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The lowest high bit of each mask marks a byte that is less than a space, a quote, or a backslash. Borrows can
        // set wrong bits only above a correct one.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let found = (control
            | quote.wrapping_sub(ONES) & !quote
            | backslash.wrapping_sub(ONES) & !backslash)
            & HIGH;
        if found != 0 {
            return length + (found.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length
        + tail
            .iter()
            .position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
            .unwrap_or(tail.len())
}
