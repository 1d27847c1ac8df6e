//! The three strings of a payload in the form that every client writes, found in one pass.

/// The members in the form that every known client writes: three plain strings, in any order.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) ciphertext: &'a [u8],
    pub(super) iv: &'a [u8],
    pub(super) hmac: &'a [u8],
}

impl<'a> Found<'a> {
    /// One pass over the escaped text up to the end of the object; also returns the object's length. `None` if the text
    /// has another form, valid or not.
    pub(super) fn scan(text: &'a [u8]) -> Option<(Self, usize)> {
        let mut found = Self::default();
        let mut rest = blanks(text).strip_prefix(b"{")?;
        loop {
            let (key, after) = string(blanks(rest))?;
            let (value, after) = string(blanks(blanks(after).strip_prefix(b":")?))?;
            let slot = match key {
                b"ciphertext" => &mut found.ciphertext,
                b"IV" => &mut found.iv,
                b"hmac" => &mut found.hmac,
                _ => return None,
            };
            *slot = value;
            let (next, after) = blanks(after).split_first()?;
            rest = after;
            match next {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        let is_whole = [found.ciphertext, found.iv, found.hmac]
            .iter()
            .all(|text| !text.is_empty());
        is_whole.then_some((found, text.len() - blanks(rest).len()))
    }
}

fn blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ', after @ ..] = text {
        text = after;
    }
    text
}

/// A string between escaped quotes, without further escapes.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\\\"")?;
    let (inner, after) = text.split_at_checked(memchr::memchr(b'\\', text)?)?;
    Some((inner, after.strip_prefix(b"\\\"")?))
}
