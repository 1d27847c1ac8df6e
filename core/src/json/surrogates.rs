//! Unpaired surrogates: JSON text can contain them as escapes (`"\\ud83d"`, half of an emoji), Rust's UTF-8 strings
//! cannot.
//!
//! Firefox truncates titles by UTF-16 units, so records contain them (spec §0.9). Where names are compared or whole
//! values are written again, a string has this marked form: the noncharacter U+FFFF is the mark, and the four
//! hexadecimal digits after it are the UTF-16 unit; a real U+FFFF in the string is written as the mark and `ffff`. Two
//! strings are therefore equal if and only if their contents are equal.

use alloc::string::String;

/// The mark.
pub(super) const MARK: char = '\u{FFFF}';

const HEX: &[u8; 16] = b"0123456789abcdef";

pub(super) fn has_mark(text: &str) -> bool {
    text.contains(MARK)
}

/// Appends the marked form of a UTF-16 unit.
pub(super) fn push_unit(text: &mut String, unit: u16) {
    text.push(MARK);
    for shift in [12, 8, 4, 0] {
        let digit = HEX.get(usize::from(unit >> shift) & 15);
        text.push(char::from(digit.copied().unwrap_or(b'0')));
    }
}

/// Appends a string without unpaired surrogates in the marked form.
pub(super) fn push_marked(text: &mut String, plain: &str) {
    for character in plain.chars() {
        match character {
            MARK => push_unit(text, 0xFFFF),
            other => text.push(other),
        }
    }
}

/// Appends a string in the marked form as JSON, with quotes and escapes.
pub(crate) fn push_lossless_text(out: &mut String, text: &str) {
    let mut parts = text.split(MARK);
    super::push_text(out, parts.next().unwrap_or_default());
    for part in parts {
        // Without the closing quote of the existing output.
        out.pop();
        let (unit, rest) = part.split_at_checked(4).unwrap_or((part, ""));
        match unit {
            "ffff" => out.push(MARK),
            unit => {
                out.push_str("\\u");
                out.push_str(unit);
            }
        }
        let start = out.len();
        super::push_text(out, rest);
        // Without the opening quote.
        out.remove(start);
    }
}

/// Whether a JSON text contains an escape of an unpaired surrogate.
pub(crate) fn has_unpaired(json: &str) -> bool {
    let mut units = json.split("\\").skip(1);
    let mut high = false;
    while let Some(escape) = units.next() {
        let Some((digits, rest)) = escape
            .strip_prefix('u')
            .and_then(|digits| digits.split_at_checked(4))
        else {
            // After an escaped backslash comes text, not an escape.
            if escape.is_empty() {
                units.next();
            }
            if core::mem::take(&mut high) {
                return true;
            }
            continue;
        };
        let unit = u16::from_str_radix(digits, 16).unwrap_or_default();
        let is_low = (0xDC00..0xE000).contains(&unit);
        if high != is_low {
            return true;
        }
        high = (0xD800..0xDC00).contains(&unit);
        if high && !rest.is_empty() {
            return true;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::has_unpaired;

    use crate::json::Value;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn values_with_unpaired_surrogates_are_written_unchanged() {
        for text in [
            r#""\ud83d""#,
            r#""cut \ud83d\n\udd8a end""#,
            r#"["\ud83d\ud83d", {"\udc00\"": "\ud800"}]"#,
            "\"\u{FFFF}d83d\"",
            "\"\u{FFFF}\\ud83d\u{FFFF}\"",
        ] {
            let value: Value = text.parse().unwrap();
            assert_eq!(
                value.to_string(),
                text.replace(", ", ",").replace(": ", ":")
            );
        }
    }

    #[test]
    fn strings_are_equal_if_their_contents_are_equal() {
        let value = |text: &str| text.parse::<Value>().unwrap();
        assert_eq!(value(r#""\uD83D""#), value(r#""\ud83d""#));
        assert_eq!(value(r#""\ud83e\udd8a""#), value("\"\u{1F98A}\""));
        assert_eq!(value(r#""\uffff""#), value("\"\u{FFFF}\""));
        assert_ne!(value(r#""\ud83d""#), value("\"\u{FFFF}d83d\""));
        assert_ne!(value(r#""\ud83d""#), value(r#""\ud83e""#));
        assert_ne!(value(r#""\ud83e\udd8a""#), value(r#""\udd8a\ud83e""#));
    }

    #[test]
    fn protocol_strings_must_be_unicode() {
        assert!(crate::json::from_str::<String>(r#""\ud83d""#).is_err());
    }

    #[test]
    fn unpaired_surrogates_are_detected() {
        let rows = [
            (r#""\ud83d""#, true),
            (r#""\udd8a""#, true),
            (r#""\ud83d\ud83d\udd8a""#, true),
            (r#""\ud83d \udd8a""#, true),
            (r#""\ud83d\n""#, true),
            (r#"{"a":"\uD83D","b":"\udd8a"}"#, true),
            (r#""\\\ud83d""#, true),
            (r#""\ud83e\udd8a""#, false),
            (r#""\ud83e\udd8a\ud83e\udd8a""#, false),
            (r#""\\ud83d""#, false),
            (r#""\\\\ud83d \u0041 \n""#, false),
            (r#"{"a":1}"#, false),
        ];
        for (json, expected) in rows {
            assert_eq!(has_unpaired(json), expected, "{json}");
        }
    }
}
