//! What a server takes at once: the limits of `info/configuration` (spec §3.7).

use serde::Deserialize;

use crate::json::{self, Malformed};

const KIB: u64 = 1024;

/// The limits of a server. A size equal to a limit is allowed.
///
/// Servers differ, so nothing else in this crate knows a number; where a server is silent, cautious defaults stand in.
///
/// ```
/// use selvedge_core::server::Limits;
///
/// let limits = Limits::from_configuration(br#"{"max_post_records": 20, "max_record_payload_bytes": 2621440}"#)?;
/// assert_eq!(limits.max_post_records, 20);
/// assert_eq!(limits.max_total_records, 20, "a batch is one POST where the server does not say more");
/// assert_eq!(Limits::default().max_request_bytes, 260 * 1024);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole request body, with brackets, commas and escapes.
    pub max_request_bytes: u64,
    /// UTF-8 bytes of one record's payload text.
    pub max_record_payload_bytes: u64,
    /// Records of one POST.
    pub max_post_records: u64,
    /// Payload bytes of one POST.
    pub max_post_bytes: u64,
    /// Records of one batch.
    pub max_total_records: u64,
    /// Payload bytes of one batch.
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
    /// Reads the body of `info/configuration`; names that it lacks get their defaults, unknown ones are ignored.
    ///
    /// # Errors
    /// When it is no JSON object, or a limit is no whole number.
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
    fn from(said: Configuration) -> Self {
        let max_post_records = said.max_post_records.unwrap_or(100);
        let max_post_bytes = said.max_post_bytes.unwrap_or(1024 * KIB);
        Self {
            max_request_bytes: said.max_request_bytes.unwrap_or(260 * KIB),
            max_record_payload_bytes: said.max_record_payload_bytes.unwrap_or(256 * KIB),
            max_post_records,
            max_post_bytes,
            max_total_records: said.max_total_records.unwrap_or(max_post_records),
            max_total_bytes: said.max_total_bytes.unwrap_or(max_post_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_the_server_says_is_taken_and_what_it_does_not_say_has_defaults() {
        let full = br#"{"max_request_bytes":1,"max_record_payload_bytes":2,"max_post_records":3,"max_post_bytes":4,
            "max_total_records":5,"max_total_bytes":6,"max_quota_bytes":7}"#;
        let said = Limits {
            max_request_bytes: 1,
            max_record_payload_bytes: 2,
            max_post_records: 3,
            max_post_bytes: 4,
            max_total_records: 5,
            max_total_bytes: 6,
        };
        assert_eq!(Limits::from_configuration(full).unwrap(), said);
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
