//! Whether ICU, which Santa uses for path patterns, compiles a regular expression (spec §2.1).
//!
//! The parser follows ICU's grammar state by state. ICU refuses each pattern that is refused here. The reverse does not
//! hold for the names in `\p{…}`, `[:…:]` and `\N{…}`, which are not checked.

mod groups;
mod sets;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::HashSet;

/// Why ICU does not compile a pattern.
///
/// ```
/// use selvedge_santa_host::icu_pattern;
///
/// assert_eq!(icu_pattern::check(r"^/opt/(?!tmp/)\p{L}+$"), Ok(()));
/// let error = icu_pattern::check("^/opt/[a-z").unwrap_err();
/// assert_eq!(error.to_string(), "character 7: the [ is not closed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("character {at}: {why}")]
pub struct BadPattern {
    /// The position in characters, starting from 1.
    pub at: usize,
    /// The error.
    pub why: &'static str,
}

/// Checks whether ICU compiles a pattern.
///
/// # Errors
/// When it does not.
pub fn check(pattern: &str) -> Result<(), BadPattern> {
    Parser::new(pattern).pattern()
}

type Result<T, E = BadPattern> = std::result::Result<T, E>;

const UNCLOSED_GROUP: &str = "the ( is not closed";
const UNCLOSED_SET: &str = "the [ is not closed";
const NOTHING_TO_REPEAT: &str = "there is nothing to repeat";
const BAD_GROUP: &str = "ICU does not support this kind of group";
const BAD_ESCAPE: &str = "the escape sequence is invalid";
const BAD_INTERVAL: &str = "{…} must contain one or two numbers, as in {2} or {2,5}";
const BAD_PROPERTY: &str = "a property is written as \\p{…}";
const BAD_SET_OPERATOR: &str = "&& and -- need a set on both sides";

/// Upper limit of the number in a repetition, exclusive.
const MAX_REPEAT: u32 = i32::MAX as u32;

/// Maximum nesting depth of groups and sets.
const MAX_DEPTH: usize = 99;

/// A token of the grammar.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    /// A character with its special meaning, if it has one.
    Plain(char),
    /// A literal character, from an escape sequence or between `\Q` and `\E`.
    Literal(char),
    /// The end of the pattern.
    End,
}

/// An open group.
#[derive(Debug)]
struct Group {
    /// The position of its opening bracket.
    at: usize,
    is_look_behind: bool,
    /// Whether it can be repeated. Look-arounds cannot.
    can_repeat: bool,
    /// The value of `is_spaced` before it.
    is_spaced: bool,
}

struct Parser {
    chars: Vec<char>,
    /// The index of the next character.
    at: usize,
    /// Whether the parser is between `\Q` and `\E`.
    is_quoting: bool,
    /// Whether white space and comments are ignored, because of the flag `x`.
    is_spaced: bool,
    open: Vec<Group>,
    /// The number of open look-behinds.
    look_behinds: usize,
    captures: usize,
    names: HashSet<String>,
    /// The largest group number of a back reference, and its position.
    largest_reference: (usize, usize),
}

impl Parser {
    fn new(pattern: &str) -> Self {
        Self {
            chars: pattern.chars().collect(),
            at: 0,
            is_quoting: false,
            is_spaced: false,
            open: Vec::new(),
            look_behinds: 0,
            captures: 0,
            names: HashSet::new(),
            largest_reference: (0, 0),
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, expected: char) -> bool {
        let is_there = self.peek() == Some(expected);
        self.at += usize::from(is_there);
        is_there
    }

    /// An error at the last consumed character.
    fn bad<T>(&self, why: &'static str) -> Result<T> {
        bad_at(self.at.max(1), why)
    }

    fn pattern(mut self) -> Result<()> {
        let mut can_repeat = false;
        loop {
            can_repeat = match self.next()? {
                Token::End => break,
                Token::Literal(_) => true,
                Token::Plain(c) => match c {
                    '\\' => self.backslash()?,
                    '[' => {
                        self.set()?;
                        true
                    }
                    '(' => self.open(can_repeat)?,
                    ')' => {
                        let Some(group) = self.open.pop() else {
                            return self.bad("the ) has no matching (");
                        };
                        self.is_spaced = group.is_spaced;
                        self.look_behinds -= usize::from(group.is_look_behind);
                        group.can_repeat
                    }
                    '|' => false,
                    '*' | '+' | '?' | '{' if !can_repeat => {
                        return self.bad(NOTHING_TO_REPEAT);
                    }
                    '*' | '+' | '?' => {
                        self.repeated(c != '?')?;
                        false
                    }
                    '{' => {
                        self.interval()?;
                        false
                    }
                    '}' => return self.bad("the } must be written as \\}"),
                    _ => true,
                },
            };
        }
        if let Some(group) = self.open.last() {
            return bad_at(group.at, UNCLOSED_GROUP);
        }
        let (number, at) = self.largest_reference;
        if number > self.captures {
            return bad_at(at, "no group has this number");
        }
        Ok(())
    }

    /// Refuses parts without a maximum length in a look-behind.
    fn limited(&self) -> Result<()> {
        if self.look_behinds > 0 {
            self.bad("a look-behind must have a maximum length")
        } else {
            Ok(())
        }
    }

    /// Parses the suffix that makes a repetition reluctant or possessive.
    fn repeated(&mut self, is_unlimited: bool) -> Result<()> {
        if is_unlimited {
            self.limited()?;
        }
        let before = self.at;
        if !matches!(self.next()?, Token::Plain('?' | '+')) {
            self.at = before;
            self.is_quoting = false;
        }
        Ok(())
    }

    /// Parses `{2}`, `{2,}` or `{2,5}` after the opening brace.
    fn interval(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(is_white_space) {
            self.at += 1;
        }
        let Some(min) = self.count()? else {
            return bad_at(start, BAD_INTERVAL);
        };
        let mut max = Some(min);
        if self.take(',') {
            max = self.count()?;
        }
        if !self.take('}') {
            return bad_at(start, BAD_INTERVAL);
        }
        if max.is_some_and(|max| max < min) {
            return bad_at(start, "the second number is less than the first");
        }
        self.repeated(max.is_none())
    }

    fn count(&mut self) -> Result<Option<u32>> {
        let mut count: Option<u32> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let next = count.unwrap_or(0).checked_mul(10);
            let next = next.and_then(|next| next.checked_add(digit));
            let Some(next) = next.filter(|next| *next < MAX_REPEAT) else {
                return self.bad("the number is too large");
            };
            count = Some(next);
            self.at += 1;
        }
        Ok(count)
    }

    /// Parses a sequence after a backslash token. Returns whether it can be repeated.
    fn backslash(&mut self) -> Result<bool> {
        let Some(c) = self.peek() else {
            return self.bad("the pattern ends with \\");
        };
        self.at += 1;
        match c {
            'A' | 'B' | 'b' | 'G' | 'Z' | 'z' => Ok(false),
            'N' | 'p' | 'P' => self.property().map(|()| true),
            'k' => {
                if !self.take('<') {
                    return self.bad("a reference to a group has the form \\k<name>");
                }
                let name = self.name()?;
                if !self.names.contains(&name) {
                    return self.bad("no group before it has this name");
                }
                self.limited()?;
                Ok(true)
            }
            '1'..='9' => {
                let mut number = 0;
                let mut digit = c.to_digit(10);
                while let Some(value) = digit {
                    number = number * 10 + value as usize;
                    if number >= self.captures {
                        break;
                    }
                    digit = self.peek().and_then(|c| c.to_digit(10));
                    self.at += usize::from(digit.is_some());
                }
                if number > self.largest_reference.0 {
                    self.largest_reference = (number, self.at);
                }
                self.limited()?;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// Parses `{…}` after `\p`, `\P` or `\N`.
    fn property(&mut self) -> Result<()> {
        if !self.take('{') {
            return self.bad(BAD_PROPERTY);
        }
        let start = self.at;
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == '}' {
                break;
            }
        }
        let name = &self.chars[start..self.at];
        let is_name = name.last() == Some(&'}') && name.iter().any(char::is_ascii_alphabetic);
        if is_name {
            Ok(())
        } else {
            self.bad(BAD_PROPERTY)
        }
    }
}

const fn bad_at<T>(at: usize, why: &'static str) -> Result<T> {
    Err(BadPattern { at, why })
}

/// Pattern_White_Space of Unicode.
const fn is_white_space(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r' | ' ' | '\u{85}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
    )
}
