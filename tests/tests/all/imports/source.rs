//! A Rust source file as tokens, without comments, the content of literals, and items that only tests have.

/// A part of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword.
    Word(String),
    /// `::`.
    Path,
    /// Any other character.
    Mark(char),
    /// A literal in quotes; its content does not matter.
    Literal,
}

impl Token {
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// Splits a file into tokens and leaves out items that only tests have.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    without_tests(&split(text))
}

fn is_word_part(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn split(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let starts = |at: usize, prefix: &str| {
        prefix
            .chars()
            .enumerate()
            .all(|(i, c)| text.get(at + i) == Some(&c))
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = text.get(at) {
        if starts(at, "//") {
            while at < text.len() && text[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            let mut depth = 0;
            loop {
                if starts(at, "/*") {
                    depth += 1;
                    at += 2;
                } else if starts(at, "*/") {
                    depth -= 1;
                    at += 2;
                } else {
                    at += 1;
                }
                if depth == 0 || at >= text.len() {
                    break;
                }
            }
        } else if let Some(end) = raw_literal(&text, at) {
            tokens.push(Token::Literal);
            at = end;
        } else if character == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
            tokens.push(Token::Literal);
        } else if character == '\'' {
            // A character, or a lifetime.
            if text.get(at + 1) == Some(&'\\') {
                at += 3;
                while at < text.len() && text[at] != '\'' {
                    at += 1;
                }
                at += 1;
                tokens.push(Token::Literal);
            } else if text.get(at + 2) == Some(&'\'') {
                at += 3;
                tokens.push(Token::Literal);
            } else {
                at += 1;
                while text.get(at).is_some_and(|c| is_word_part(*c)) {
                    at += 1;
                }
            }
        } else if is_word_part(character) {
            let start = at;
            while text.get(at).is_some_and(|c| is_word_part(*c)) {
                at += 1;
            }
            tokens.push(Token::Word(text[start..at].iter().collect()));
        } else if starts(at, "::") {
            tokens.push(Token::Path);
            at += 2;
        } else {
            if !character.is_whitespace() {
                tokens.push(Token::Mark(character));
            }
            at += 1;
        }
    }
    tokens
}

/// The end of a raw text literal that begins here.
fn raw_literal(text: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    if text[at] == 'b' || text[at] == 'c' {
        at += 1;
    }
    if text.get(at) != Some(&'r') {
        return None;
    }
    at += 1;
    let hashes = text[at..].iter().take_while(|c| **c == '#').count();
    at += hashes;
    if text.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    loop {
        match text.get(at) {
            None => return Some(at),
            Some('"') if text[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes => {
                return Some(at + 1 + hashes);
            }
            Some(_) => at += 1,
        }
    }
}

/// Leaves out attributes, and with `cfg(test)` and `cfg(doctest)` the items that they are on.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_outer =
            tokens[at] == Token::Mark('#') && tokens.get(at + 1) == Some(&Token::Mark('['));
        let is_inner = tokens[at] == Token::Mark('#')
            && tokens.get(at + 1) == Some(&Token::Mark('!'))
            && tokens.get(at + 2) == Some(&Token::Mark('['));
        if is_outer {
            let end = closing(tokens, at + 1);
            let is_for_tests = is_test(&tokens[at + 2..end]);
            at = end + 1;
            if is_for_tests {
                at = end_of_item(tokens, at);
            }
        } else if is_inner {
            at = closing(tokens, at + 2) + 1;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Whether an attribute is a `cfg` that holds only in tests: `test`, `doctest`, or `all` with one of them.
fn is_test(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(Token::word).collect();
    match words.as_slice() {
        ["cfg", "test" | "doctest"] => true,
        ["cfg", "all", rest @ ..] => {
            rest.contains(&"test") && !rest.contains(&"any") && !rest.contains(&"not")
        }
        _ => false,
    }
}

/// The position of the bracket that closes the one at `open`.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len() - 1
}

/// The position after an item that begins at `at`: after its `;`, its body, or, for a variant or member, its comma.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut is_declaration = false;
    while at < tokens.len() {
        match &tokens[at] {
            Token::Mark('#') => at = closing(tokens, at + 1),
            Token::Mark('{') if is_declaration => at = closing(tokens, at),
            Token::Mark('{') => return closing(tokens, at) + 1,
            Token::Mark('(' | '[') => at = closing(tokens, at),
            Token::Mark(';') => return at + 1,
            Token::Mark(',') => return at + 1,
            Token::Mark(')' | ']' | '}') => return at,
            Token::Word(word) if word == "use" => is_declaration = true,
            _ => {}
        }
        at += 1;
    }
    at
}
