//! A string of JSON, between its quotes, and what it means.

use alloc::string::String;

use super::plain_length;

/// A JSON string as it stands in the text, between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawString<'a> {
    /// The bytes between the quotes.
    pub(crate) inner: &'a [u8],
    /// Whether there is a backslash among them.
    pub(crate) is_escaped: bool,
}

impl<'a> RawString<'a> {
    /// The text when it stands there as it is: without escapes, in UTF-8.
    pub(crate) fn plain(self) -> Option<&'a str> {
        if self.is_escaped {
            return None;
        }
        core::str::from_utf8(self.inner).ok()
    }

    /// The text that is meant, with its escapes resolved.
    pub(crate) fn unescaped(self) -> Option<String> {
        let mut rest = core::str::from_utf8(self.inner).ok()?;
        let mut text = String::with_capacity(rest.len());
        loop {
            // What has no backslash may still be what no string may have: long ones come here unchecked.
            let (plain, after) = rest.split_at_checked(plain_length(rest.as_bytes()))?;
            text.push_str(plain);
            if after.is_empty() {
                return Some(text);
            }
            let escape = after.strip_prefix('\\')?;
            let letter = escape.chars().next()?;
            let (character, length) = match letter {
                'b' => ('\u{8}', 1),
                'f' => ('\u{c}', 1),
                'n' => ('\n', 1),
                'r' => ('\r', 1),
                't' => ('\t', 1),
                '"' | '\\' | '/' => (letter, 1),
                'u' => code_point(escape)?,
                _ => return None,
            };
            text.push(character);
            rest = escape.get(length..)?;
        }
    }

    /// The text that is meant.
    pub(crate) fn into_text(self) -> Option<String> {
        match self.plain() {
            Some(text) => Some(text.into()),
            None => self.unescaped(),
        }
    }

    /// Whether it means `text`.
    pub(crate) fn is(self, text: &str) -> bool {
        if self.is_escaped {
            self.unescaped().is_some_and(|unescaped| unescaped == text)
        } else {
            self.inner == text.as_bytes()
        }
    }
}

/// The character of `uXXXX`, or of two such that are a pair, and how long that is.
fn code_point(escape: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = escape.get(from..from + 4)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let first = unit(1)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 5));
    }
    let second = escape.get(5..)?.starts_with("\\u").then(|| unit(7))??;
    let pair = char::decode_utf16([first, second]).next()?;
    Some((pair.ok()?, 11))
}
