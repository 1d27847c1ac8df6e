//! Server time and local time: two types that are converted only with an explicit offset (spec §0.3, §0.5).

use alloc::string::ToString;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::Verbatim;

/// A server timestamp: whole hundredths of a second since the Unix epoch.
///
/// It is parsed from and printed as decimal text and never passes through a float, because a 32-bit float cannot
/// represent it, and a value that is one hundredth too high in `newer` silently skips a record (spec §0.3, §0.4).
///
/// ```
/// use selvedge_core::time::ServerTime;
///
/// let time = ServerTime::parse("1388635807.4")?;
/// assert_eq!(time.hundredths(), 138_863_580_740);
/// assert_eq!(time.to_string(), "1388635807.40");
/// # Ok::<(), selvedge_core::time::MalformedTime>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ServerTime(u64);

/// A text that is not a server timestamp.
///
/// ```
/// use selvedge_core::time::ServerTime;
///
/// let error = ServerTime::parse("-1").unwrap_err();
/// assert_eq!(error.to_string(), "a server timestamp is digits with an optional fraction");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a server timestamp is digits with an optional fraction")]
pub struct MalformedTime;

impl ServerTime {
    /// The epoch; as `X-If-Unmodified-Since` it means "only if the record does not exist".
    pub const ZERO: Self = Self(0);

    /// From hundredths of a second.
    #[must_use]
    pub const fn from_hundredths(hundredths: u64) -> Self {
        Self(hundredths)
    }

    /// Hundredths of a second since the Unix epoch.
    #[must_use]
    pub const fn hundredths(self) -> u64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, by the server's clock.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0.saturating_mul(10)
    }

    /// Parses a header value: `digits [ "." digits ]`. Fraction digits after the second are truncated.
    ///
    /// # Errors
    /// Signs, spaces, exponents, an empty fraction and values that exceed 64 bits are malformed.
    pub fn parse(text: &str) -> Result<Self, MalformedTime> {
        Self::parse_bytes(text.as_bytes(), false)
    }

    /// Parses a JSON number, which may have no fraction or have an exponent (`1.3319567131E9`).
    ///
    /// # Errors
    /// As [`ServerTime::parse`]; negative numbers and numbers that exceed 64 bits are malformed too.
    pub fn parse_json(text: &[u8]) -> Result<Self, MalformedTime> {
        Self::parse_bytes(text, true)
    }

    fn parse_bytes(text: &[u8], exponent_allowed: bool) -> Result<Self, MalformedTime> {
        let (mantissa, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) if exponent_allowed => {
                let (mantissa, rest) = text.split_at(at);
                (mantissa, parse_exponent(rest.get(1..).unwrap_or_default())?)
            }
            Some(_) => return Err(MalformedTime),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
            Some(at) => {
                let (whole, rest) = mantissa.split_at(at);
                let fraction = rest
                    .get(1..)
                    .filter(|digits| !digits.is_empty())
                    .ok_or(MalformedTime)?;
                (whole, fraction)
            }
            None => (mantissa, &[][..]),
        };
        if whole.is_empty() {
            return Err(MalformedTime);
        }
        // The exponent and the two digits of a hundredth move the decimal point; digits right of it are truncated.
        let kept = (whole.len() as i64)
            .saturating_add(exponent)
            .saturating_add(2);
        let mut hundredths: u64 = 0;
        for (position, byte) in whole.iter().chain(fraction).enumerate() {
            if !byte.is_ascii_digit() {
                return Err(MalformedTime);
            }
            if (position as i64) < kept {
                hundredths = push_digit(hundredths, byte - b'0')?;
            }
        }
        let digits = (whole.len() + fraction.len()) as i64;
        let mut missing = kept.saturating_sub(digits);
        while missing > 0 && hundredths > 0 {
            hundredths = push_digit(hundredths, 0)?;
            missing -= 1;
        }
        Ok(Self(hundredths))
    }
}

fn push_digit(value: u64, digit: u8) -> Result<u64, MalformedTime> {
    value
        .checked_mul(10)
        .and_then(|v| v.checked_add(u64::from(digit)))
        .ok_or(MalformedTime)
}

fn parse_exponent(text: &[u8]) -> Result<i64, MalformedTime> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(MalformedTime);
    }
    Ok(sign
        * digits
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

impl fmt::Display for ServerTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Serialize for ServerTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Verbatim(self.to_string()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ServerTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Verbatim::deserialize(deserializer)?;
        Self::parse_json(text.0.as_bytes()).map_err(serde::de::Error::custom)
    }
}

/// A time of this device's clock: milliseconds since the Unix epoch.
///
/// ```
/// use selvedge_core::time::{ClockOffset, LocalTime, ServerTime};
///
/// let here = LocalTime::from_millis(1_700_000_000_000);
/// let offset = ClockOffset::between(ServerTime::parse("1700000042.13")?, here);
/// assert_eq!(offset.millis(), 42_130);
/// assert_eq!(offset.server_seconds(here), 1_700_000_042);
/// # Ok::<(), selvedge_core::time::MalformedTime>(())
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LocalTime(u64);

impl LocalTime {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// This time plus `seconds`.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}

/// Difference between the server's clock and this device's clock, in milliseconds; positive if the server is ahead
/// (spec §2.6).
///
/// It is computed from a response, used from then on, and never stored across restarts.
///
/// ```
/// use selvedge_core::time::ClockOffset;
///
/// assert_eq!(ClockOffset::default().millis(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockOffset(i64);

impl ClockOffset {
    /// The offset computed from a response with server time `server` that arrived at local time `local`.
    #[must_use]
    pub fn between(server: ServerTime, local: LocalTime) -> Self {
        let server = i64::try_from(server.millis()).unwrap_or(i64::MAX);
        let local = i64::try_from(local.millis()).unwrap_or(i64::MAX);
        Self(server.saturating_sub(local))
    }

    /// Server minus local, in milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The server's time at `local`, in whole seconds: the `ts` of a Hawk header.
    #[must_use]
    pub fn server_seconds(self, local: LocalTime) -> u64 {
        local.millis().saturating_add_signed(self.0) / 1000
    }

    /// The server's time at `local`, in milliseconds.
    #[must_use]
    pub fn server_millis(self, local: LocalTime) -> u64 {
        local.millis().saturating_add_signed(self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const VECTORS: &str = include_str!("../../tests/vectors/timestamps.json");

    #[derive(Deserialize)]
    struct Case {
        text: String,
        hundredths: u64,
        canonical: String,
    }

    #[derive(Deserialize)]
    struct Vectors {
        headers: Vec<Case>,
        json_numbers: Vec<Case>,
        invalid_headers: Vec<String>,
        ordering: Vec<[String; 2]>,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(VECTORS).unwrap()
    }

    #[test]
    fn headers_read_as_hundredths_and_print_with_two_digits() {
        for case in vectors().headers {
            let time = ServerTime::parse(&case.text).unwrap();
            assert_eq!(
                (time.hundredths(), time.to_string()),
                (case.hundredths, case.canonical),
                "{}",
                case.text
            );
        }
    }

    #[test]
    fn json_numbers_read_in_every_form() {
        for case in vectors().json_numbers {
            let time: ServerTime = serde_json::from_str(&case.text).unwrap();
            assert_eq!(
                (time.hundredths(), time.to_string()),
                (case.hundredths, case.canonical.clone()),
                "{}",
                case.text
            );
            assert_eq!(serde_json::to_string(&time).unwrap(), case.canonical);
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        for text in vectors().invalid_headers {
            assert_eq!(ServerTime::parse(&text), Err(MalformedTime), "{text:?}");
        }
    }

    #[test]
    fn times_are_ordered_as_numbers_not_as_text() {
        for [earlier, later] in vectors().ordering {
            assert!(
                ServerTime::parse(&earlier).unwrap() < ServerTime::parse(&later).unwrap(),
                "{earlier} < {later}"
            );
        }
    }
}
