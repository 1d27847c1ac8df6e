//! The JSON syntax that Santa reads: tokens and skipped values.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use super::fault::Fault;

/// Maximum nesting depth of objects and lists, including the outermost object.
const MAX_DEPTH: u8 = 100;

/// A text that is being read.
pub(super) struct Reader<'de> {
    text: &'de str,
    pub(super) at: usize,
    /// The number of further levels that may be opened.
    depth: u8,
}

impl<'de> Reader<'de> {
    pub(super) const fn new(text: &'de str) -> Self {
        Self {
            text,
            at: 0,
            depth: MAX_DEPTH,
        }
    }

    pub(super) fn fault(&self, problem: &str) -> Fault {
        Fault::new(problem, self.at)
    }

    pub(super) fn ends_early(&self) -> Fault {
        self.fault("unexpected end of the JSON")
    }

    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text from `start` to the current position.
    fn since(&self, start: usize) -> &'de str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips whitespace and returns the next byte without consuming it.
    pub(super) fn next(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Consumes one byte of punctuation if it is next.
    fn take(&mut self, punctuation: u8) -> bool {
        let is_next = self.next() == Some(punctuation);
        self.at += usize::from(is_next);
        is_next
    }

    /// Consumes a word that must be next.
    pub(super) fn expect(&mut self, word: &str) -> Result<(), Fault> {
        self.next().ok_or_else(|| self.ends_early())?;
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.fault(&format!("expected {word}")));
        }
        self.at += word.len();
        Ok(())
    }

    pub(super) fn open(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let depth = self.depth.checked_sub(1);
        self.depth = depth.ok_or_else(|| {
            self.fault(&format!(
                "objects and lists are nested deeper than {MAX_DEPTH} levels"
            ))
        })?;
        Ok(())
    }

    /// Whether another entry of an object or a list follows, as opposed to its end.
    pub(super) fn has_entry(&mut self, is_first: bool, end: u8) -> Result<bool, Fault> {
        let has_comma = is_first || self.take(b',');
        if self.take(end) {
            self.depth += 1;
            return Ok(false);
        }
        match self.next() {
            None => Err(self.ends_early()),
            Some(_) if !has_comma => Err(self.fault("expected a comma")),
            Some(_) => Ok(true),
        }
    }

    /// A key, quoted or unquoted, and the colon after it.
    pub(super) fn key(&mut self) -> Result<Cow<'de, str>, Fault> {
        let key = match self.next() {
            Some(b'"' | b'\'') => self.string()?,
            _ => Cow::Borrowed(self.bare_word()?),
        };
        self.expect(":")?;
        Ok(key)
    }

    fn bare_word(&mut self) -> Result<&'de str, Fault> {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        self.at += self.rest().iter().take_while(|byte| is_part(byte)).count();
        let word = self.since(start);
        let is_digit = word.starts_with(|first: char| first.is_ascii_digit());
        if word.is_empty() || is_digit || matches!(word, "null" | "true" | "false") {
            return Err(Fault::new("expected the name of a field", start));
        }
        Ok(word)
    }

    /// A string; its opening quote is next.
    pub(super) fn string(&mut self) -> Result<Cow<'de, str>, Fault> {
        let quote = self.byte().unwrap_or(b'"');
        self.at += 1;
        let first = self.plain(quote)?;
        if self.byte() == Some(quote) {
            self.at += 1;
            return Ok(Cow::Borrowed(first));
        }
        let mut string = String::from(first);
        loop {
            // A backslash is next.
            self.at += 1;
            string.push(self.escaped()?);
            string.push_str(self.plain(quote)?);
            if self.byte() == Some(quote) {
                self.at += 1;
                return Ok(Cow::Owned(string));
            }
        }
    }

    /// The text of a string up to the next backslash or the closing quote. Control characters are allowed.
    fn plain(&mut self, quote: u8) -> Result<&'de str, Fault> {
        let start = self.at;
        let length = memchr::memchr2(quote, b'\\', self.rest()).ok_or_else(|| {
            let end = self.text.len();
            Fault::new("unexpected end of the JSON within a string", end)
        })?;
        self.at += length;
        Ok(self.since(start))
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        let byte = self.byte().ok_or_else(|| self.ends_early())?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\'' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' | b'U' => return self.code_point(),
            _ => {
                self.at -= 1;
                return Err(self.fault("unknown escape"));
            }
        })
    }

    fn code_point(&mut self) -> Result<char, Fault> {
        let high = self.hex()?;
        let value = match high {
            0xd800..=0xdbff => {
                // Whitespace is allowed here, as before every token.
                self.expect("\\u")?;
                let low = self.hex()?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(self.fault("a high surrogate must be followed by a low surrogate"));
                }
                0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff)
            }
            value => value,
        };
        char::from_u32(value)
            .ok_or_else(|| self.fault("a low surrogate must follow a high surrogate"))
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| self.fault("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(value)
    }

    /// A number; its sign or its first digit is next.
    pub(super) fn number(&mut self) -> Result<&'de str, Fault> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let whole = self.at;
        self.digits()?;
        if self.at > whole + 1 && self.text.as_bytes().get(whole) == Some(&b'0') {
            return Err(Fault::new("a number must not begin with a zero", start));
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = self.since(start);
        match self.next() {
            None | Some(b',' | b']' | b'}') => Ok(text),
            Some(_) => Err(self.fault("unexpected character after a number")),
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        match count.count() {
            0 => Err(self.fault("expected a digit")),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    /// A number that is not a 64-bit whole number; it must be finite.
    pub(super) fn real(&self, start: usize, text: &str) -> Result<f64, Fault> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| Fault::new("a number is too large", start))
    }

    /// Skips a value, but checks its syntax.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        match self.next() {
            Some(b'{') => {
                self.open()?;
                let mut is_first = true;
                while self.has_entry(is_first, b'}')? {
                    is_first = false;
                    self.key()?;
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.open()?;
                let mut is_first = true;
                while self.has_entry(is_first, b']')? {
                    is_first = false;
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'"' | b'\'') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                let text = self.number()?;
                self.real(start, text).map(drop)
            }
            Some(b't') => self.expect("true"),
            Some(b'f') => self.expect("false"),
            Some(b'n') => self.expect("null"),
            Some(_) => Err(self.fault("expected a value")),
            None => Err(self.ends_early()),
        }
    }
}
