//! Splits a pattern into tokens.

use super::{BAD_ESCAPE, Parser, Result, Token, is_white_space};

impl Parser {
    /// The next token. Skips white space and comments with the flag `x`.
    pub(super) fn next(&mut self) -> Result<Token> {
        loop {
            let Some(c) = self.peek() else {
                return Ok(Token::End);
            };
            self.at += 1;
            if self.is_quoting {
                if c == '\\' && self.take('E') {
                    self.is_quoting = false;
                    continue;
                }
                return Ok(Token::Literal(c));
            }
            match c {
                '\\' => match self.escape()? {
                    Some(token) => return Ok(token),
                    None => continue,
                },
                _ if self.is_spaced && is_white_space(c) => {}
                '#' if self.is_spaced => {
                    while self.peek().is_some_and(|c| !is_line_end(c)) {
                        self.at += 1;
                    }
                }
                _ => return Ok(Token::Plain(c)),
            }
        }
    }

    /// Parses the text after a backslash: a literal, or `None` for `\Q`. For other sequences, it returns the backslash
    /// as a token for the grammar.
    fn escape(&mut self) -> Result<Option<Token>> {
        let start = self.at;
        let Some(c) = self.peek() else {
            return Ok(Some(Token::Plain('\\')));
        };
        self.at += 1;
        let literal = match c {
            'Q' => {
                self.is_quoting = true;
                return Ok(None);
            }
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'c' => match self.peek() {
                Some(c) => {
                    self.at += 1;
                    char::from_u32(c as u32 & 0x1f).unwrap_or_default()
                }
                None => 'c',
            },
            'u' => self.number(16, 4, 4)?,
            'U' => self.number(16, 8, 8)?,
            'x' if self.take('{') => {
                let c = self.number(16, 1, 8)?;
                if !self.take('}') {
                    return self.bad(BAD_ESCAPE);
                }
                c
            }
            'x' => self.number(16, 1, 2)?,
            '0' => {
                let max = if matches!(self.peek(), Some('0'..='3')) {
                    3
                } else {
                    2
                };
                self.number(8, 1, max)?
            }
            _ => {
                self.at = start;
                return Ok(Some(Token::Plain('\\')));
            }
        };
        Ok(Some(Token::Literal(literal)))
    }

    /// Parses the number of a character with `min` to `max` digits.
    fn number(&mut self, radix: u32, min: usize, max: usize) -> Result<char> {
        let (mut value, mut digits) = (0_u32, 0);
        while digits < max
            && let Some(digit) = self.peek().and_then(|c| c.to_digit(radix))
        {
            value = value.saturating_mul(radix).saturating_add(digit);
            digits += 1;
            self.at += 1;
        }
        // ICU accepts surrogates, which are not characters in Rust.
        let c = if (0xd800..0xe000).contains(&value) {
            Some('\u{fffd}')
        } else {
            char::from_u32(value)
        };
        match c.filter(|_| digits >= min) {
            Some(c) => Ok(c),
            None => self.bad(BAD_ESCAPE),
        }
    }
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
