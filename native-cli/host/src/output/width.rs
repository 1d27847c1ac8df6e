//! How many columns of a terminal a text takes.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns of the terminal that a text takes: two for most characters of East Asia, none for combining ones.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// A text that takes at most `most` columns, with an ellipsis where it was cut, and how many it takes.
pub fn cut(text: &str, most: usize) -> (Cow<'_, str>, usize) {
    let whole = width(text);
    if whole <= most {
        return (text.into(), whole);
    }
    let (mut used, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used + 1 > most {
            break;
        }
        end = at + c.len_utf8();
    }
    let short = format!("{}…", &text[..end]);
    let used = width(&short);
    (short.into(), used)
}

/// A text that takes at most `most` columns, with an ellipsis where it was cut.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    cut(text, most).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_measured_in_columns() {
        for (text, expected) in [
            ("", 0),
            ("abc", 3),
            ("äöüß", 4),
            ("e\u{301}", 1),
            ("日本", 4),
            ("a…", 2),
        ] {
            assert_eq!(width(text), expected, "{text}");
        }
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        for (text, most, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("äöüß", 3, "äö…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 1, "…"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(shortened(text, most), expected, "{text} {most}");
        }
    }
}
