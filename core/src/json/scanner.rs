//! A scanner over JSON text: finds members and checks the grammar without building values.
//!
//! Tens of thousands of record cleartexts and envelopes pass through it, so strings are skipped eight bytes at a time.

mod string;
#[cfg(test)]
mod tests;

pub(crate) use string::RawString;

use super::plain_length::plain_length;

/// How deep values may nest; serde_json refuses what is deeper, so nothing that reads records could use it.
pub(crate) const MAX_DEPTH: u32 = 127;

/// A position in a JSON text. Every method returns `None` if the text violates the grammar; the scanner cannot be used
/// after that.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    is_too_deep: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            is_too_deep: false,
        }
    }

    /// Whether it stopped because values are nested deeper than [`MAX_DEPTH`].
    pub(crate) const fn is_too_deep(&self) -> bool {
        self.is_too_deep
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Skips whitespace. Most texts have none, which one check detects.
    #[inline(always)]
    fn blanks(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_blanks();
        }
    }

    #[cold]
    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips whitespace and consumes one byte.
    pub(crate) fn eat(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        (self.next()? == byte).then_some(())
    }

    /// Skips whitespace and checks that nothing else is left.
    pub(crate) fn end(&mut self) -> Option<()> {
        self.blanks();
        self.peek().is_none().then_some(())
    }

    /// Skips whitespace and returns the next byte without consuming it.
    pub(crate) fn first(&mut self) -> Option<u8> {
        self.blanks();
        self.peek()
    }

    /// Consumes a list. `each` must consume every value.
    pub(crate) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if self.first()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            each(self)?;
            self.blanks();
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Consumes an object. `each` gets every key and must consume the value, starting right after the colon.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(RawString<'a>, &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        self.blanks();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let key = self.key()?;
            each(key, self)?;
            self.blanks();
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn key(&mut self) -> Option<RawString<'a>> {
        let key = self.string()?;
        self.eat(b':')?;
        Some(key)
    }

    /// Consumes a string and checks its escapes; unpaired surrogates are allowed (spec §0.9).
    pub(crate) fn string(&mut self) -> Option<RawString<'a>> {
        self.eat(b'"')?;
        let start = self.at;
        let mut is_escaped = false;
        loop {
            self.at += plain_length(self.rest());
            match self.next()? {
                b'"' => {
                    let inner = self.text.get(start..self.at - 1)?;
                    return Some(RawString { inner, is_escaped });
                }
                b'\\' => {
                    is_escaped = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    /// Consumes a string that is probably long, without checking its escapes or control characters. If `measure`
    /// recognizes the content, it returns the length; the search for escapes is skipped then.
    pub(crate) fn long_string(
        &mut self,
        measure: impl FnOnce(&'a [u8]) -> Option<usize>,
    ) -> Option<RawString<'a>> {
        self.eat(b'"')?;
        let rest = self.rest();
        let start = self.at;
        if let Some(length) = measure(rest)
            && rest.get(length) == Some(&b'"')
        {
            self.at += length + 1;
            return Some(RawString {
                inner: rest.get(..length)?,
                is_escaped: true,
            });
        }
        let mut is_escaped = false;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.rest())?;
            if self.next()? == b'"' {
                let inner = self.text.get(start..self.at - 1)?;
                return Some(RawString { inner, is_escaped });
            }
            is_escaped = true;
            self.next()?;
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => self.code_unit(),
            _ => None,
        }
    }

    fn code_unit(&mut self) -> Option<()> {
        for _ in 0..4 {
            self.next()?.is_ascii_hexdigit().then_some(())?;
        }
        Some(())
    }

    /// Consumes a value of any kind and returns its text.
    pub(crate) fn value(&mut self) -> Option<&'a [u8]> {
        self.blanks();
        let start = self.at;
        let mut nesting = Nesting::default();
        loop {
            self.blanks();
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' => {
                    self.at += 1;
                    self.blanks();
                    if self.peek()? != b'}' {
                        self.open(&mut nesting, Container::Object)?;
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                }
                b'[' => {
                    self.at += 1;
                    self.blanks();
                    if self.peek()? != b']' {
                        self.open(&mut nesting, Container::Array)?;
                        continue;
                    }
                    self.at += 1;
                }
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => self.number()?,
            }
            loop {
                let Some(container) = nesting.innermost() else {
                    return self.text.get(start..self.at);
                };
                self.blanks();
                match (self.next()?, container) {
                    (b',', Container::Object) => {
                        self.key()?;
                        break;
                    }
                    (b',', Container::Array) => break,
                    (b'}', Container::Object) | (b']', Container::Array) => nesting.close(),
                    _ => return None,
                }
            }
        }
    }

    fn open(&mut self, nesting: &mut Nesting, container: Container) -> Option<()> {
        let opened = nesting.open(container);
        self.is_too_deep = opened.is_none();
        opened
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.rest().starts_with(literal).then(|| {
            self.at += literal.len();
        })
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.next()? {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.next()?.is_ascii_digit().then_some(())?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.next()?.is_ascii_digit().then_some(())?;
            self.digits();
        }
        Some(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Container {
    Object,
    Array,
}

/// The open containers, one bit each, so that deep nesting needs neither stack nor heap.
#[derive(Default)]
struct Nesting {
    depth: u32,
    is_object: u128,
}

impl Nesting {
    fn open(&mut self, container: Container) -> Option<()> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        self.is_object = self.is_object << 1 | u128::from(container == Container::Object);
        Some(())
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.is_object >>= 1;
    }

    fn innermost(&self) -> Option<Container> {
        match (self.depth, self.is_object & 1) {
            (0, _) => None,
            (_, 1) => Some(Container::Object),
            _ => Some(Container::Array),
        }
    }
}
