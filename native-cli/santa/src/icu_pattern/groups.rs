//! Parses the start of a group: its kind, flags and name.

use super::{BAD_GROUP, Group, MAX_DEPTH, Parser, Result, UNCLOSED_GROUP, bad_at};

impl Parser {
    /// Parses the start of a group after the opening bracket. Returns whether the part before the next character can be
    /// repeated.
    pub(super) fn open(&mut self, could_repeat: bool) -> Result<bool> {
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

    /// Checks the nesting depth.
    pub(super) fn nested(&self, sets: usize) -> Result<()> {
        if self.open.len() + sets > MAX_DEPTH {
            self.bad("groups and sets are nested deeper than 99 levels")
        } else {
            Ok(())
        }
    }

    /// Parses the flags of `(?…)` or `(?…:`. Returns whether a group starts.
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
                _ => return self.bad("unknown flag: use i, m, s, w or x"),
            }
        }
    }

    /// Parses the name of a group and the closing `>`.
    pub(super) fn name(&mut self) -> Result<String> {
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
                    return self.bad(
                        "the name of a group must consist of letters and digits between < and >",
                    );
                }
            }
        }
    }
}
