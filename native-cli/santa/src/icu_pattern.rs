//! Whether ICU compiles a regular expression, as Santa has it do for the patterns of paths (spec §2.1).
//!
//! ICU's own syntax is followed state by state. What is refused here ICU refuses; the reverse does not hold for the names
//! in `\p{…}`, `[:…:]` and `\N{…}`, which are not looked up.

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
    /// Where, in characters from 1.
    pub at: usize,
    /// What is wrong there.
    pub why: &'static str,
}

/// Says whether ICU compiles a pattern.
///
/// # Errors
/// When it does not.
pub fn check(pattern: &str) -> Result<(), BadPattern> {
    Parser::new(pattern).pattern()
}

type Result<T, E = BadPattern> = std::result::Result<T, E>;

const UNCLOSED_GROUP: &str = "the ( is not closed";
const UNCLOSED_SET: &str = "the [ is not closed";
const NOTHING_TO_REPEAT: &str = "there is nothing to repeat here";
const BAD_GROUP: &str = "ICU has no group that begins so";
const BAD_ESCAPE: &str = "the escape sequence is invalid";
const BAD_INTERVAL: &str = "{…} must hold one number or two, as in {2} or {2,5}";
const BAD_PROPERTY: &str = "a property is written as \\p{…}";
const BAD_SET_OPERATOR: &str = "&& and -- need a set on both sides";

/// The largest number of a repetition.
const MAX_REPEAT: u32 = i32::MAX as u32;

/// Groups and sets within each other.
const MAX_DEPTH: usize = 99;

/// A character, as the pattern's grammar sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    /// It has its meaning.
    Plain(char),
    /// It stands for itself: it was written as an escape sequence or between `\Q` and `\E`.
    Literal(char),
    /// The pattern's end.
    End,
}

/// A group that is open.
#[derive(Debug)]
struct Group {
    /// Where it was opened.
    at: usize,
    is_look_behind: bool,
    /// Whether it can be repeated: no look-around can.
    can_repeat: bool,
    /// Whether white space was ignored before it.
    is_spaced: bool,
}

/// Where in a set the parser is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum InSet {
    Start,
    AfterLiteral(char),
    AfterSet,
    AfterRange,
    AfterOperator,
}

struct Parser {
    chars: Vec<char>,
    /// The next character's place.
    at: usize,
    /// Between `\Q` and `\E`.
    is_quoting: bool,
    /// White space and comments are ignored, by the flag `x`.
    is_spaced: bool,
    open: Vec<Group>,
    /// How many of the open groups are look-behinds.
    look_behinds: usize,
    captures: usize,
    names: HashSet<String>,
    /// The largest group that is referred to by number, and where.
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

    /// An error at the character that was read last.
    fn bad<T>(&self, why: &'static str) -> Result<T> {
        bad_at(self.at.max(1), why)
    }

    /// The next character, with what stands between characters left out.
    fn next(&mut self) -> Result<Token> {
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

    /// What follows a backslash: a character of its own, or `None` for the start of a quotation. All other sequences are
    /// left to the grammar, which sees the backslash.
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
                let most = if matches!(self.peek(), Some('0'..='3')) {
                    3
                } else {
                    2
                };
                self.number(8, 1, most)?
            }
            _ => {
                self.at = start;
                return Ok(Some(Token::Plain('\\')));
            }
        };
        Ok(Some(Token::Literal(literal)))
    }

    /// The character of a number with so many digits.
    fn number(&mut self, radix: u32, least: usize, most: usize) -> Result<char> {
        let (mut value, mut digits) = (0_u32, 0);
        while digits < most
            && let Some(digit) = self.peek().and_then(|c| c.to_digit(radix))
        {
            value = value.saturating_mul(radix).saturating_add(digit);
            digits += 1;
            self.at += 1;
        }
        // A surrogate is a number like others to ICU, and no character to Rust.
        let c = if (0xd800..0xe000).contains(&value) {
            Some('\u{fffd}')
        } else {
            char::from_u32(value)
        };
        match c.filter(|_| digits >= least) {
            Some(c) => Ok(c),
            None => self.bad(BAD_ESCAPE),
        }
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
                            return self.bad("the ) closes nothing");
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
            return bad_at(at, "there is no group of that number");
        }
        Ok(())
    }

    /// What has no maximum length may not be in a look-behind.
    fn limited(&self) -> Result<()> {
        if self.look_behinds > 0 {
            self.bad("a look-behind must have a maximum length")
        } else {
            Ok(())
        }
    }

    /// After a repetition: what makes it reluctant or possessive.
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

    /// `{2}`, `{2,}` or `{2,5}`, after its bracket.
    fn interval(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_some_and(is_white_space) {
            self.at += 1;
        }
        let least = self.count()?;
        let Some(least) = least else {
            return bad_at(start, BAD_INTERVAL);
        };
        let mut most = Some(least);
        if self.take(',') {
            most = self.count()?;
        }
        if !self.take('}') {
            return bad_at(start, BAD_INTERVAL);
        }
        if most.is_some_and(|most| most < least) {
            return bad_at(start, "the second number is less than the first");
        }
        self.repeated(most.is_none())
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

    /// After a round bracket. Says whether what stands before the next character can be repeated.
    fn open(&mut self, could_repeat: bool) -> Result<bool> {
        let at = self.at;
        let mut group = Group {
            at,
            is_look_behind: false,
            can_repeat: true,
            is_spaced: self.is_spaced,
        };
        if !self.take('?') {
            self.captures += 1;
            return self.push(group);
        }
        let kind = self.peek();
        self.at += 1;
        match kind {
            Some('#') => {
                while let Some(c) = self.peek() {
                    self.at += 1;
                    if c == ')' {
                        return Ok(could_repeat);
                    }
                }
                return bad_at(at, UNCLOSED_GROUP);
            }
            Some(':' | '>') => {}
            Some('=' | '!') => group.can_repeat = false,
            Some('<') => match self.peek() {
                Some('=' | '!') => {
                    self.at += 1;
                    group.is_look_behind = true;
                    self.look_behinds += 1;
                    group.can_repeat = false;
                }
                _ => {
                    let name = self.name()?;
                    self.captures += 1;
                    if !self.names.insert(name) {
                        return self.bad("another group has this name");
                    }
                }
            },
            Some('i' | 'm' | 's' | 'w' | 'x' | '-') => {
                self.at -= 1;
                if !self.flags()? {
                    return Ok(false);
                }
            }
            _ => return bad_at(at, BAD_GROUP),
        }
        self.push(group)
    }

    fn push(&mut self, group: Group) -> Result<bool> {
        self.open.push(group);
        self.nested(0).map(|()| false)
    }

    /// Whether groups and sets nest no deeper than ICU bears.
    fn nested(&self, sets: usize) -> Result<()> {
        if self.open.len() + sets > MAX_DEPTH {
            self.bad("groups and sets are nested more than 99 deep")
        } else {
            Ok(())
        }
    }

    /// Flags of `(?…)` and `(?…:`. Says whether a group begins.
    fn flags(&mut self) -> Result<bool> {
        let mut is_on = true;
        loop {
            let c = self.peek();
            self.at += 1;
            match c {
                Some('-') => is_on = false,
                Some('x') => self.is_spaced = is_on,
                Some('i' | 'm' | 's' | 'w') => {}
                Some(')') => return Ok(false),
                Some(':') => return Ok(true),
                _ => return self.bad("there is no such flag: i, m, s, w and x are"),
            }
        }
    }

    /// A group's name and its bracket.
    fn name(&mut self) -> Result<String> {
        let mut name = String::new();
        loop {
            match self.peek() {
                Some('>') if !name.is_empty() => {
                    self.at += 1;
                    return Ok(name);
                }
                Some(c) if c.is_ascii_alphabetic() || (c.is_ascii_digit() && !name.is_empty()) => {
                    name.push(c);
                    self.at += 1;
                }
                _ => {
                    self.at += 1;
                    return self.bad("a group's name is letters and digits between < and >");
                }
            }
        }
    }

    /// A sequence that the grammar reads, after its backslash. Says whether it can be repeated.
    fn backslash(&mut self) -> Result<bool> {
        let Some(c) = self.peek() else {
            return self.bad("the \\ stands at the end");
        };
        self.at += 1;
        match c {
            'A' | 'B' | 'b' | 'G' | 'Z' | 'z' => Ok(false),
            'N' | 'p' | 'P' => self.property().map(|()| true),
            'k' => {
                if !self.take('<') {
                    return self.bad("a group is referred to as \\k<name>");
                }
                let name = self.name()?;
                if !self.names.contains(&name) {
                    return self.bad("there is no group of this name before it");
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

    /// `{…}` after `\p`, `\P` or `\N`.
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

    /// A set and those within it, after its bracket.
    fn set(&mut self) -> Result<()> {
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

    /// After a square bracket: a `[:…:]` is read to its end, which is said.
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

    /// A bracket that closes is a character of its own at the start of a set.
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
                // Which character it is, is not looked up: any range from it is taken to be right.
                InSet::AfterLiteral('\0')
            }
            's' | 'S' | 'w' | 'W' | 'd' | 'D' | 'h' | 'H' | 'v' | 'V' => InSet::AfterRange,
            c => InSet::AfterLiteral(c),
        })
    }

    /// After a dash in a set: a range, a difference, or a dash.
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
                _ => return self.bad("a range ends with a single character"),
            },
            Token::Plain(c) | Token::Literal(c) => c,
        };
        if high < low {
            return self.bad("the range ends before it begins");
        }
        Ok(InSet::AfterRange)
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

const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was compiled by ICU 72.
    #[test]
    fn what_icu_compiles_is_good() {
        for pattern in [
            "(?!)",
            r"^/opt/(?!tmp/)\p{L}+$",
            "^/(Applications|opt)/[^/]+\\.app/",
            "a]",
            "[]a]",
            "[^]a]",
            "[[:alpha:]]",
            "[:alpha:]",
            r"[\d-a]",
            "[a-z&&[^b]]",
            r"[\p{L}--x]",
            "[a-b-c]",
            "[-a]",
            "[a-]",
            "[a&&&b]",
            "^*",
            "a++",
            "a{2,}?",
            "a{ 2}",
            "(?i)a",
            "(?i-x:a)",
            "(?-)",
            "(?x)a #)(",
            r"\Qa*(",
            r"(?<x1>a)\k<x1>\1",
            r"(a)\11",
            r"\2(a)(b)",
            "(?<=a{1,5})b",
            r"\x{10FFFF}\x4\u0041\U00000041\07\cA\e",
            r"\h\R\v\X\y\_",
            r"\N{DIGIT ONE}",
            "a(?#comment)*",
            "||()",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    /// Each was refused by ICU 72.
    #[test]
    fn what_icu_refuses_is_bad_and_its_place_is_said() {
        for (pattern, at) in [
            ("[unclosed", 1),
            ("(?P<x>", 1),
            ("(?P<x>a)", 1),
            ("^/a(b", 4),
            ("a)", 2),
            ("(?:", 1),
            ("(?|a)", 1),
            ("(?'x'a)", 1),
            ("(?q)a", 1),
            ("(?(1)a)", 1),
            ("(?#x", 1),
            ("*.app", 1),
            ("a**", 3),
            ("a+++", 4),
            ("|+", 2),
            (r"\b*", 3),
            ("(?=a)*", 6),
            ("{1}", 1),
            ("a}", 2),
            ("a{", 2),
            ("a{,3}", 2),
            ("a{1", 2),
            ("a{2,1}", 2),
            ("a{99999999999}", 11),
            ("[[a]", 1),
            ("[]", 1),
            (r"[\]", 1),
            ("[z-a]", 4),
            (r"[a-\d]", 5),
            ("[a&&]", 5),
            ("[&&a]", 3),
            ("[--]", 3),
            (r"\1", 2),
            (r"(a)\2", 5),
            (r"\k<y>", 5),
            ("(?<a_b>x)", 5),
            ("(?<a>x)(?<a>y)", 12),
            ("(?<=a*)b", 6),
            ("(?<=a{2,})b", 9),
            (r"(a)(?<=\1)", 9),
            (r"\p", 2),
            (r"\pL", 2),
            (r"\p{L", 4),
            (r"\N", 2),
            (r"\x", 2),
            (r"\x{110000}", 9),
            (r"\u12", 4),
            (r"\0", 2),
            ("a\\", 2),
        ] {
            let found = check(pattern).map_err(|error| error.at);
            assert_eq!(found, Err(at), "{pattern}: {:?}", check(pattern));
        }
    }

    #[test]
    fn groups_and_sets_nest_as_deep_as_in_icu() {
        let deep = |groups, sets| {
            "(".repeat(groups) + &"[".repeat(sets) + "a" + &"]".repeat(sets) + &")".repeat(groups)
        };
        for (groups, sets, is_good) in [
            (99, 0, true),
            (100, 0, false),
            (0, 99, true),
            (0, 100, false),
            (90, 9, true),
            (90, 10, false),
            (100_000, 100_000, false),
        ] {
            assert_eq!(
                check(&deep(groups, sets)).is_ok(),
                is_good,
                "{groups} {sets}"
            );
        }
    }
}
