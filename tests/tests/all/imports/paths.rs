//! The paths that a file names: in its `use` declarations and in its code.

use crate::imports::source::{Token, closing};

/// A path that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its parts; the first may be `crate`, `self` or `super`, the last `*`.
    pub(crate) parts: Vec<String>,
    /// The inline modules that it stands in, inside of the file.
    pub(crate) inside: Vec<String>,
}

/// What a file declares and names.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Modules that are files of their own.
    pub(crate) modules: Vec<String>,
    /// Names that `use` declarations bring in, with their paths.
    pub(crate) uses: Vec<(String, Named)>,
    /// Paths in code.
    pub(crate) paths: Vec<Named>,
    /// Whether it is more than a table of contents: it has something besides `mod` and `use`, or no modules.
    pub(crate) defines: bool,
}

impl Contents {
    pub(crate) fn of(tokens: &[Token]) -> Self {
        let mut contents = Self::default();
        contents.read(tokens, &[]);
        contents.defines |= contents.modules.is_empty();
        contents
    }

    fn read(&mut self, tokens: &[Token], inside: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            let token = &tokens[at];
            if token.is_word("pub") {
                // `pub(in crate::a)` imports nothing.
                at += 1;
                if tokens.get(at) == Some(&Token::Mark('(')) {
                    at = closing(tokens, at) + 1;
                }
            } else if token.is_word("use") {
                let end = tokens[at..]
                    .iter()
                    .position(|token| *token == Token::Mark(';'));
                let end = at + end.unwrap_or(tokens.len() - at);
                self.read_use(&tokens[at + 1..end], &[], inside);
                at = end + 1;
            } else if token.is_word("extern")
                && tokens.get(at + 1).is_some_and(|next| next.is_word("crate"))
            {
                at += 2;
                while at < tokens.len() && tokens[at] != Token::Mark(';') {
                    at += 1;
                }
                at += 1;
            } else if let Some(name) = declared_module(tokens, at) {
                if tokens[at + 2] == Token::Mark(';') {
                    if inside.is_empty() {
                        self.modules.push(name.to_owned());
                    }
                    at += 3;
                } else {
                    self.defines = true;
                    let end = closing(tokens, at + 2);
                    self.read(&tokens[at + 3..end], &[inside, &[name.to_owned()]].concat());
                    at = end + 1;
                }
            } else if let (Token::Word(first), Some(Token::Path)) = (token, tokens.get(at + 1)) {
                self.defines = true;
                let mut parts = vec![first.clone()];
                at += 1;
                while let (Some(Token::Path), Some(Token::Word(part))) =
                    (tokens.get(at), tokens.get(at + 1))
                {
                    parts.push(part.clone());
                    at += 2;
                }
                self.paths.push(Named {
                    parts,
                    inside: inside.to_vec(),
                });
                // `::<` and `::{` end a path.
                if tokens.get(at) == Some(&Token::Path) {
                    at += 1;
                }
            } else if *token == Token::Path {
                // The rest of a path that begins with a type, `<T>::name`, or a path of another package, `::std`.
                self.defines = true;
                at += 2;
            } else {
                self.defines = true;
                at += 1;
            }
        }
    }

    /// Reads the tree of a `use` declaration.
    fn read_use(&mut self, tree: &[Token], prefix: &[String], inside: &[String]) {
        let mut parts = prefix.to_vec();
        let mut name = None;
        let mut at = 0;
        while let Some(token) = tree.get(at) {
            match token {
                Token::Word(word) if word == "as" => {
                    name = tree
                        .get(at + 1)
                        .and_then(Token::word)
                        .map(ToOwned::to_owned);
                    break;
                }
                Token::Word(word) => parts.push(word.clone()),
                Token::Mark('*') => parts.push("*".to_owned()),
                Token::Mark('{') => {
                    let end = closing(tree, at);
                    for branch in branches(&tree[at + 1..end]) {
                        self.read_use(branch, &parts, inside);
                    }
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
            parts.pop();
        }
        let Some(last) = parts.last() else { return };
        let name = name.unwrap_or_else(|| last.clone());
        let named = Named {
            parts,
            inside: inside.to_vec(),
        };
        self.uses.push((name, named));
    }
}

/// The name in `mod name;` or `mod name {` at this position.
fn declared_module(tokens: &[Token], at: usize) -> Option<&str> {
    let name = tokens.get(at + 1)?.word()?;
    let is_module =
        tokens[at].is_word("mod") && matches!(tokens.get(at + 2)?, Token::Mark(';' | '{'));
    is_module.then_some(name)
}

/// Splits at the commas that are not inside of brackets.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut branches = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth -= 1,
            Token::Mark(',') if depth == 0 => {
                branches.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < tokens.len() {
        branches.push(&tokens[start..]);
    }
    branches
}
