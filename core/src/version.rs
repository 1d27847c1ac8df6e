//! A version number in meta/global, in any form in which JSON can write one (spec §4.4).

use core::fmt;

use crate::json::Value;

/// A version number of the storage format or of an engine's records.
///
/// Programs have written it as a number with or without a fraction, with an exponent, and as text. It is compared by its
/// value; negative numbers count as 0.
///
/// ```
/// use selvedge_core::version::Version;
///
/// let read = |json: &str| Version::read(&json.parse().unwrap());
/// assert_eq!(read("5.0"), Some(Version::from(5)));
/// assert_eq!(read("\"5\""), Some(Version::from(5)));
/// assert!(read("6.5").unwrap() > Version::from(6) && read("1e1") == Some(Version::from(10)));
/// assert_eq!((read("[5]"), read("\"5a\""), read("null")), (None, None, None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    whole: u64,
    has_fraction: bool,
}

impl From<u64> for Version {
    fn from(whole: u64) -> Self {
        Self {
            whole,
            has_fraction: false,
        }
    }
}

impl Version {
    /// Reads a number, or a text that is wholly a JSON number; `None` for everything else.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => {
                let (is_negative, digits, exponent) = number.normal()?;
                Some(match is_negative {
                    true => Self::from(0),
                    false => Self::of(&digits, exponent),
                })
            }
            Value::Text(text) => match text.parse() {
                Ok(number @ Value::Number(_)) => Self::read(&number),
                _ => None,
            },
            _ => None,
        }
    }

    /// From digits without zeros at either end, and the power of ten of the last of them.
    fn of(digits: &str, exponent: i64) -> Self {
        /// The largest power of ten that a u64 can hold.
        const MAX_EXPONENT: i64 = 19;
        if exponent >= 0 {
            let whole = match digits {
                "" => 0,
                _ if exponent > MAX_EXPONENT => u64::MAX,
                digits => (0..exponent).fold(whole(digits), |whole, _| whole.saturating_mul(10)),
            };
            return Self::from(whole);
        }
        let fraction = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
        let before = digits.len().saturating_sub(fraction);
        Self {
            whole: whole(digits.get(..before).unwrap_or_default()),
            has_fraction: true,
        }
    }

    /// The number before the decimal point.
    #[must_use]
    pub const fn whole(self) -> u64 {
        self.whole
    }
}

fn whole(digits: &str) -> u64 {
    match digits {
        "" => 0,
        digits => digits.parse().unwrap_or(u64::MAX),
    }
}

/// A fraction shows as `.x`: "6.x" for 6.5.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole.fmt(f)?;
        f.write_str(if self.has_fraction { ".x" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_form_of_a_number_is_compared_by_its_value() {
        let rows = [
            ("5", Some("5")),
            ("5.0", Some("5")),
            ("5.000", Some("5")),
            ("50e-1", Some("5")),
            ("5e0", Some("5")),
            ("0.5E1", Some("5")),
            ("\"5\"", Some("5")),
            ("\"5.0\"", Some("5")),
            ("5.0000001", Some("5.x")),
            ("4.999", Some("4.x")),
            ("0.05", Some("0.x")),
            ("6.5", Some("6.x")),
            ("1e1", Some("10")),
            ("\"1e1\"", Some("10")),
            ("0", Some("0")),
            ("-0", Some("0")),
            ("-1", Some("0")),
            ("1e19", Some("10000000000000000000")),
            ("1e400", Some("18446744073709551615")),
            ("1e-400", Some("0.x")),
            ("99999999999999999999999", Some("18446744073709551615")),
            ("null", None),
            ("true", None),
            ("[5]", None),
            ("{}", None),
            ("\"\"", None),
            ("\"five\"", None),
            ("\"5a\"", None),
            ("\"0x5\"", None),
            ("\"+5\"", None),
            ("\"true\"", None),
            ("\"\\\"5\\\"\"", None),
            ("1e99999999999999999999", None),
        ];
        for (json, expected) in rows {
            let version = Version::read(&json.parse().unwrap());
            assert_eq!(
                version.map(|version| version.to_string()).as_deref(),
                expected,
                "{json}"
            );
        }
    }

    #[test]
    fn a_fraction_counts() {
        let read = |json: &str| Version::read(&json.parse().unwrap()).unwrap();
        assert!(read("5.5") > Version::from(5) && read("5.5") < Version::from(6));
        assert!(read("4.5") < Version::from(5));
    }
}
