//! Whether RE2, which Santa uses, accepts a pattern. RE2 is available only as a C++ library; `regex-syntax` parses
//! almost the same language, and this module handles the differences. Names of Unicode classes are not checked.

use std::iter::Peekable;
use std::str::Chars;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Ast, Flag, Flags, FlagsItemKind, RepetitionKind, RepetitionRange};

/// Maximum count of a repetition in braces, also for the product of nested ones.
const MAX_REPETITIONS: u32 = 1000;

/// Names of POSIX classes in brackets.
const CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Checks a pattern.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let translated = translate(pattern)?;
    let ast = Parser::new().parse(&translated);
    let ast = ast.map_err(|error| error.kind().to_string())?;
    walk(&ast, 1)
}

/// Translates a pattern of RE2 to the syntax of `regex-syntax`.
fn translate(pattern: &str) -> Result<String, String> {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, &mut text, false)?,
            '[' => class(&mut rest, &mut text)?,
            // A brace that does not start a repetition is a literal.
            '{' if !is_repetition(rest.clone()) => text.push_str("\\{"),
            '}' if !ends_braces(&text) => text.push_str("\\}"),
            other => text.push(other),
        }
    }
    Ok(text)
}

/// Whether the translated text ends inside the braces of a repetition or an escape.
fn ends_braces(text: &str) -> bool {
    let open = text.rfind('{').filter(|at| !text[..*at].ends_with('\\'));
    open.is_some_and(|at| !text[at..].contains('}'))
}

fn is_repetition(rest: Peekable<Chars<'_>>) -> bool {
    let inner: String = rest.take_while(|next| *next != '}').collect();
    let (min, max) = inner.split_once(',').unwrap_or((&inner, "0"));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !min.is_empty() && is_number(min) && is_number(max)
}

/// Translates a class in brackets. Its opening bracket has been consumed.
fn class(rest: &mut Peekable<Chars<'_>>, text: &mut String) -> Result<(), String> {
    text.push('[');
    if rest.next_if_eq(&'^').is_some() {
        text.push('^');
    }
    let mut is_first = true;
    while let Some(next) = rest.next() {
        match next {
            ']' if !is_first => {
                text.push(']');
                return Ok(());
            }
            '\\' => escape(rest, text, true)?,
            '[' if rest.peek() == Some(&':') => {
                // The name of a class, without its colons.
                let name: String = rest
                    .by_ref()
                    .skip(1)
                    .take_while(|next| *next != ':')
                    .collect();
                let is_known = CLASSES.contains(&name.strip_prefix('^').unwrap_or(&name));
                if !is_known || rest.next() != Some(']') {
                    return Err(format!("the class {name} is unknown"));
                }
                text.push_str(&format!("[:{name}:]"));
            }
            // These have no special meaning in RE2.
            ']' | '[' | '&' | '~' => text.extend(['\\', next]),
            '-' if rest.peek() == Some(&'-') => text.push_str("\\-"),
            other => text.push(other),
        }
        is_first = false;
    }
    Err("a bracket is not closed".into())
}

/// Translates an escape. Its backslash has been consumed.
fn escape(rest: &mut Peekable<Chars<'_>>, text: &mut String, in_class: bool) -> Result<(), String> {
    let Some(next) = rest.next() else {
        return Err("it ends with a backslash".into());
    };
    match next {
        'Q' if !in_class => quoted(rest, text),
        'C' if !in_class => text.push('.'),
        '0'..='7' => return octal(next, rest, text),
        'p' | 'P' => {
            text.extend(['\\', next]);
            // `\p{^Greek}` is `\P{Greek}`. The name is not checked.
            if rest.peek() == Some(&'{') {
                let name: String = rest.by_ref().take_while(|next| *next != '}').collect();
                text.push_str(&name.replace('^', ""));
                text.push('}');
            }
        }
        'x' => {
            text.push_str("\\x");
            if rest.peek() == Some(&'{') {
                text.extend(rest.by_ref().take_while(|next| *next != '}'));
                text.push('}');
            }
        }
        'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
            text.extend(['\\', next]);
        }
        'b' | 'B' | 'A' | 'z' if !in_class => text.extend(['\\', next]),
        '<' | '>' => text.push(next),
        other if other.is_ascii_punctuation() && other != '_' => text.extend(['\\', other]),
        other if !other.is_ascii() => text.push(other),
        other => return Err(format!("\\{other} is unknown")),
    }
    Ok(())
}

/// Translates the literal text between `\Q` and `\E`.
fn quoted(rest: &mut Peekable<Chars<'_>>, text: &mut String) {
    while let Some(next) = rest.next() {
        if next == '\\' && rest.next_if_eq(&'E').is_some() {
            return;
        }
        if next.is_ascii_punctuation() && !matches!(next, '<' | '>') {
            text.push('\\');
        }
        text.push(next);
    }
}

fn octal(first: char, rest: &mut Peekable<Chars<'_>>, text: &mut String) -> Result<(), String> {
    let mut value = first.to_digit(8).unwrap_or_default();
    let is_digit = |next: &char| ('0'..='7').contains(next);
    if first != '0' && !rest.peek().is_some_and(is_digit) {
        return Err("references to groups are not supported".into());
    }
    for _ in 0..2 {
        if let Some(digit) = rest.next_if(is_digit) {
            value = value * 8 + digit.to_digit(8).unwrap_or_default();
        }
    }
    text.push_str(&format!("\\x{{{value:x}}}"));
    Ok(())
}

fn flags(flags: &Flags) -> Result<(), String> {
    for item in &flags.items {
        match item.kind {
            FlagsItemKind::Negation
            | FlagsItemKind::Flag(
                Flag::CaseInsensitive | Flag::MultiLine | Flag::DotMatchesNewLine | Flag::SwapGreed,
            ) => {}
            FlagsItemKind::Flag(_) => return Err("it sets an unknown flag".into()),
        }
    }
    Ok(())
}

/// Finds what RE2 refuses and the parser accepts. `repetitions` is the product of the enclosing repetitions.
fn walk(ast: &Ast, repetitions: u32) -> Result<(), String> {
    match ast {
        Ast::Repetition(repetition) => {
            if matches!(*repetition.ast, Ast::Repetition(_)) {
                return Err("a repetition is repeated directly: use a group".into());
            }
            let count = match &repetition.op.kind {
                RepetitionKind::Range(
                    RepetitionRange::Exactly(count)
                    | RepetitionRange::AtLeast(count)
                    | RepetitionRange::Bounded(_, count),
                ) => *count,
                _ => 1,
            };
            let repetitions = repetitions.saturating_mul(count.max(1));
            if repetitions > MAX_REPETITIONS {
                return Err(format!(
                    "it repeats a part more than {MAX_REPETITIONS} times"
                ));
            }
            walk(&repetition.ast, repetitions)
        }
        Ast::Group(group) => {
            if let Some(set) = group.flags() {
                flags(set)?;
            }
            walk(&group.ast, repetitions)
        }
        Ast::Flags(set) => flags(&set.flags),
        Ast::Concat(parts) => parts
            .asts
            .iter()
            .try_for_each(|part| walk(part, repetitions)),
        Ast::Alternation(parts) => parts
            .asts
            .iter()
            .try_for_each(|part| walk(part, repetitions)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_re2_accepts_are_accepted() {
        for pattern in [
            "",
            "^/opt/acme/.*$",
            r"(?i)curl|wget",
            r"\d{3}-\w+\s*\.",
            "[[:alpha:]_][[:alnum:]]*",
            "[]a]",
            "[^]a]",
            "[a[b]",
            "[a&&b]",
            "[a--]",
            r"[\d\-x]",
            "a{2,}b{,3}{x}",
            "{",
            "}",
            "a}",
            r"\p{Greek}\pL\P{^Lu}",
            r"\Qa.b*\E+",
            r"\C\x41\x{10FFFF}\07\101",
            r"\<tag\>",
            "(?P<name>x)(?<other>y)",
            "(?s-i:.)",
            "(a*)*",
            "x*?y+?z??",
            "(?:a{30}){30}",
            "(?U)a+",
            r"\b\B\A\z",
            "日本{2}",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_re2_refuses_are_refused() {
        for pattern in [
            "(",
            ")",
            "[a",
            "[",
            "a**",
            "a{2}{3}",
            "*a",
            "+",
            "a{1001}",
            "(a{40}){40}",
            "a{3,2}",
            r"\1",
            r"(a)\1",
            r"\8",
            r"\Z",
            r"\u0041",
            r"\_",
            r"[\b]",
            r"[z-a]",
            r"[a-\d]",
            "(?=a)",
            "(?!a)",
            "(?<=a)b",
            "(?x)a b",
            "(?u)a",
            "(?P<1>x)",
            "(?P<n>x)(?P<n>y)",
            "[[:nope:]]",
            r"\x4",
            r"a\",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }
}
