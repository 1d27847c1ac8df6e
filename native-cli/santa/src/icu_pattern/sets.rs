//! Parses sets, `[…]`.

use super::{BAD_SET_OPERATOR, Parser, Result, Token, UNCLOSED_SET, bad_at};

/// The state of the parser in a set.
#[derive(Debug, Clone, Copy, PartialEq)]
enum InSet {
    Start,
    AfterLiteral(char),
    AfterSet,
    AfterRange,
    AfterOperator,
}

impl Parser {
    /// Parses a set and its nested sets after the opening bracket.
    pub(super) fn set(&mut self) -> Result<()> {
        let start = self.at;
        let mut depth = 0_usize;
        if self.begin_set() {
            return Ok(());
        }
        self.nested(1)?;
        let mut state = self.first_in_set();
        loop {
            state = match self.next()? {
                Token::End => return bad_at(start, UNCLOSED_SET),
                Token::Literal(c) => InSet::AfterLiteral(c),
                Token::Plain(']') if state == InSet::AfterOperator => {
                    return self.bad(BAD_SET_OPERATOR);
                }
                Token::Plain(']') => match depth.checked_sub(1) {
                    None => return Ok(()),
                    Some(outer) => {
                        depth = outer;
                        InSet::AfterSet
                    }
                },
                Token::Plain('[') => {
                    if self.begin_set() {
                        InSet::AfterSet
                    } else {
                        depth += 1;
                        self.nested(depth + 1)?;
                        self.first_in_set()
                    }
                }
                Token::Plain('\\') => self.escape_in_set()?,
                Token::Plain('-') if state != InSet::AfterOperator => self.dash(state)?,
                Token::Plain('&') if state != InSet::AfterOperator => {
                    if !self.take('&') {
                        InSet::AfterLiteral('&')
                    } else if state == InSet::Start {
                        return self.bad(BAD_SET_OPERATOR);
                    } else {
                        InSet::AfterOperator
                    }
                }
                Token::Plain(c) => InSet::AfterLiteral(c),
            };
        }
    }

    /// Parses the text after an opening square bracket: consumes `[:…:]` completely and returns true, or consumes `^`.
    fn begin_set(&mut self) -> bool {
        let rest = &self.chars[self.at..];
        if rest.first() == Some(&':') {
            let name = rest[1..]
                .iter()
                .position(|c| !(c.is_alphanumeric() || matches!(c, '^' | '=' | ' ' | '_' | '-')));
            if let Some(length) = name
                && rest.get(1 + length..3 + length) == Some(&[':', ']'])
            {
                self.at += length + 3;
                return true;
            }
        }
        let _is_negated = self.take('^');
        false
    }

    /// A closing bracket at the start of a set is a literal.
    fn first_in_set(&mut self) -> InSet {
        if self.take(']') {
            InSet::AfterLiteral(']')
        } else {
            InSet::Start
        }
    }

    fn escape_in_set(&mut self) -> Result<InSet> {
        let Some(c) = self.peek() else {
            return self.bad(UNCLOSED_SET);
        };
        self.at += 1;
        Ok(match c {
            'p' | 'P' => {
                self.property()?;
                InSet::AfterSet
            }
            'N' => {
                self.property()?;
                // The character is not looked up, so any range from it is accepted.
                InSet::AfterLiteral('\0')
            }
            's' | 'S' | 'w' | 'W' | 'd' | 'D' | 'h' | 'H' | 'v' | 'V' => InSet::AfterRange,
            c => InSet::AfterLiteral(c),
        })
    }

    /// Parses the text after a dash in a set: a range, a difference, or a literal dash.
    fn dash(&mut self, state: InSet) -> Result<InSet> {
        if self.take('-') {
            return match state {
                InSet::Start => self.bad(BAD_SET_OPERATOR),
                _ => Ok(InSet::AfterOperator),
            };
        }
        let InSet::AfterLiteral(low) = state else {
            return Ok(InSet::AfterLiteral('-'));
        };
        let before = self.at;
        let high = match self.next()? {
            Token::End => return self.bad(UNCLOSED_SET),
            Token::Plain('[' | ']') => {
                self.at = before;
                return Ok(InSet::AfterLiteral('-'));
            }
            Token::Plain('\\') => match self.escape_in_set()? {
                InSet::AfterLiteral('\0') => return Ok(InSet::AfterRange),
                InSet::AfterLiteral(c) => c,
                _ => return self.bad("the end of a range must be a single character"),
            },
            Token::Plain(c) | Token::Literal(c) => c,
        };
        if high < low {
            return self.bad("the end of the range is less than its start");
        }
        Ok(InSet::AfterRange)
    }
}
