//! Numbers of users.

use std::fmt;

/// A user of the storage: the number in the path and in the token, one to ten digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(u64);

impl Uid {
    /// The largest uid, ten nines.
    pub const MAX: u64 = 9_999_999_999;

    /// Wraps a number of at most ten digits.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Reads the uid of a path: one to ten digits and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_one_to_ten_digits() {
        for (text, uid) in [
            ("1", Some(1)),
            ("9999999999", Some(9_999_999_999)),
            ("", None),
            ("10000000000", None),
            ("+1", None),
            ("-1", None),
            ("1a", None),
        ] {
            assert_eq!(Uid::parse(text).map(Uid::number), uid, "{text:?}");
        }
    }
}
