//! A JSON string, between its quotes, and its content.

use alloc::string::String;

use crate::json::plain_length::plain_length;
use crate::json::surrogates;

/// A JSON string in its escaped form, without the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawString<'a> {
    /// The bytes between the quotes.
    pub(crate) inner: &'a [u8],
    /// Whether it contains a backslash.
    pub(crate) is_escaped: bool,
}

impl<'a> RawString<'a> {
    /// The content if it has no escapes and is valid UTF-8.
    pub(crate) fn plain(self) -> Option<&'a str> {
        if self.is_escaped {
            return None;
        }
        core::str::from_utf8(self.inner).ok()
    }

    /// The content with resolved escapes; `None` if it is not Unicode because it contains an unpaired surrogate.
    pub(crate) fn unescaped(self) -> Option<String> {
        self.resolved(false)
    }

    /// The content in the marked form of [`surrogates`], which can represent unpaired surrogates.
    pub(crate) fn into_lossless(self) -> Option<String> {
        match self.plain() {
            Some(text) if !surrogates::has_mark(text) => Some(text.into()),
            _ => self.resolved(true),
        }
    }

    fn resolved(self, is_lossless: bool) -> Option<String> {
        let mut rest = core::str::from_utf8(self.inner).ok()?;
        let mut text = String::with_capacity(rest.len());
        loop {
            // A string without a backslash may still contain invalid characters: long strings are not checked before.
            let (plain, after) = rest.split_at_checked(plain_length(rest.as_bytes()))?;
            if is_lossless && surrogates::has_mark(plain) {
                surrogates::push_marked(&mut text, plain)
            } else {
                text.push_str(plain)
            }
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
                'u' => match code_point(escape)? {
                    (Ok(surrogates::MARK), length) if is_lossless => {
                        surrogates::push_unit(&mut text, surrogates::MARK as u16);
                        rest = escape.get(length..)?;
                        continue;
                    }
                    (Err(unpaired), length) if is_lossless => {
                        surrogates::push_unit(&mut text, unpaired);
                        rest = escape.get(length..)?;
                        continue;
                    }
                    (character, length) => (character.ok()?, length),
                },
                _ => return None,
            };
            text.push(character);
            rest = escape.get(length..)?;
        }
    }

    /// The content; `None` if it is not Unicode.
    pub(crate) fn into_text(self) -> Option<String> {
        match self.plain() {
            Some(text) => Some(text.into()),
            None => self.unescaped(),
        }
    }

    /// Whether its content equals `text`.
    pub(crate) fn is(self, text: &str) -> bool {
        if self.is_escaped {
            self.unescaped().is_some_and(|unescaped| unescaped == text)
        } else {
            self.inner == text.as_bytes()
        }
    }
}

/// The character of `uXXXX`, or of two of them that form a pair, or the surrogate that is not part of a pair; and the
/// length of the escape.
fn code_point(escape: &str) -> Option<(Result<char, u16>, usize)> {
    let unit = |from: usize| {
        let digits = escape.get(from..from + 4)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let first = unit(1)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((Ok(character), 5));
    }
    let is_escape = escape.get(5..).is_some_and(|rest| rest.starts_with("\\u"));
    let second = is_escape.then(|| unit(7)).flatten();
    match second.map(|second| char::decode_utf16([first, second]).next()) {
        Some(Some(Ok(character))) => Some((Ok(character), 11)),
        _ => Some((Err(first), 5)),
    }
}
