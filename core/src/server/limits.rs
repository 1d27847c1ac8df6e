//! A server's limits, from `info/configuration` (spec §3.7).

use serde::Deserialize;

use crate::json::{self, Malformed};

const KIB: u64 = 1024;

/// The limits of a server. A size equal to a limit is allowed.
///
/// Servers differ, so no other part of this crate contains a number; if a server does not specify a limit, a
/// conservative default is used.
///
/// ```
/// use selvedge_core::server::Limits;
///
/// let limits = Limits::from_configuration(br#"{"max_post_records": 20, "max_record_payload_bytes": 2621440}"#)?;
/// assert_eq!(limits.max_post_records, 20);
/// assert_eq!(limits.max_total_records, 20, "a batch is one POST if the server does not specify more");
/// assert_eq!(Limits::default().max_request_bytes, 260 * 1024);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum bytes of a whole request body, including brackets, commas and escapes.
    pub max_request_bytes: u64,
    /// Maximum UTF-8 bytes of one record's payload text.
    pub max_record_payload_bytes: u64,
    /// Maximum number of records of one POST.
    pub max_post_records: u64,
    /// Maximum payload bytes of one POST.
    pub max_post_bytes: u64,
    /// Maximum number of records of one batch.
    pub max_total_records: u64,
    /// Maximum payload bytes of one batch.
    pub max_total_bytes: u64,
}

#[derive(Deserialize, Default)]
struct Configuration {
    max_request_bytes: Option<u64>,
    max_record_payload_bytes: Option<u64>,
    max_post_records: Option<u64>,
    max_post_bytes: Option<u64>,
    max_total_records: Option<u64>,
    max_total_bytes: Option<u64>,
}

impl Limits {
    /// Parses the body of `info/configuration`; missing members get their defaults, unknown ones are ignored.
    ///
    /// # Errors
    /// When it is not a JSON object, or a limit is not a whole number.
    pub fn from_configuration(body: &[u8]) -> Result<Self, Malformed> {
        // An empty object of a server written in PHP or Go (spec §5.3).
        if matches!(body.trim_ascii(), b"[]" | b"null") {
            return Ok(Self::default());
        }
        json::from_slice::<Configuration>(body).map(Self::from)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Configuration::default().into()
    }
}

impl From<Configuration> for Limits {
    fn from(specified: Configuration) -> Self {
        let max_post_records = specified.max_post_records.unwrap_or(100);
        let max_post_bytes = specified.max_post_bytes.unwrap_or(1024 * KIB);
        Self {
            max_request_bytes: specified.max_request_bytes.unwrap_or(260 * KIB),
            max_record_payload_bytes: specified.max_record_payload_bytes.unwrap_or(256 * KIB),
            max_post_records,
            max_post_bytes,
            max_total_records: specified.max_total_records.unwrap_or(max_post_records),
            max_total_bytes: specified.max_total_bytes.unwrap_or(max_post_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn specified_limits_are_used_and_missing_ones_get_defaults() {
        let full = br#"{"max_request_bytes":1,"max_record_payload_bytes":2,"max_post_records":3,"max_post_bytes":4,
            "max_total_records":5,"max_total_bytes":6,"max_quota_bytes":7}"#;
        let specified = Limits {
            max_request_bytes: 1,
            max_record_payload_bytes: 2,
            max_post_records: 3,
            max_post_bytes: 4,
            max_total_records: 5,
            max_total_bytes: 6,
        };
        assert_eq!(Limits::from_configuration(full).unwrap(), specified);
        let defaults = Limits {
            max_request_bytes: 266_240,
            max_record_payload_bytes: 262_144,
            max_post_records: 100,
            max_post_bytes: 1_048_576,
            max_total_records: 100,
            max_total_bytes: 1_048_576,
        };
        assert_eq!(Limits::from_configuration(b"{}").unwrap(), defaults);
        assert_eq!(Limits::default(), defaults);
        for empty in [&b"[]"[..], b" null\n"] {
            assert_eq!(Limits::from_configuration(empty).unwrap(), defaults);
        }
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_an_error() {
        for body in [
            &b"[1]"[..],
            b"",
            b"{\"max_post_records\":-1}",
            b"{\"max_post_bytes\":\"x\"}",
        ] {
            assert!(Limits::from_configuration(body).is_err(), "{body:?}");
        }
    }
}
