//! Information in the headers of responses: the server's clock, alerts and remaining quota (spec §2.6, §3.5).

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::backoff::Backoff;
use crate::http::Headers;
use crate::time::{ClockOffset, LocalTime, ServerTime};

/// Maximum number of alerts; more are dropped, because a server repeats important ones.
const MAX_ALERTS: usize = 16;
/// Maximum length of an alert, in characters.
const MAX_ALERT_CHARS: usize = 1000;

/// The information in the headers of all responses up to now.
///
/// ```
/// use selvedge_core::server::Observed;
///
/// let observed = Observed::default();
/// assert_eq!(observed.traffic.requests, 0);
/// assert!(observed.clock_offset.is_none() && observed.backoff.until().is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Difference between the server's and the local clock; `None` before the first response.
    pub clock_offset: Option<ClockOffset>,
    /// How long the server asks clients to wait.
    pub backoff: Backoff,
    /// Messages of the server for people, each text once, in order of arrival.
    pub alerts: Vec<Alert>,
    /// Remaining bytes of the account's quota, from the last response that contained it.
    pub quota_remaining: Option<u64>,
    /// Amount of network traffic.
    pub traffic: Traffic,
}

/// Amount of network traffic.
///
/// ```
/// use selvedge_core::server::Traffic;
///
/// assert_eq!(Traffic::default(), Traffic { requests: 0, bytes_sent: 0, bytes_received: 0 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Number of requests, including retries.
    pub requests: u64,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of response bodies, as the host returns them.
    pub bytes_received: u64,
}

impl Traffic {
    /// Adds another count.
    pub const fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }

    /// The difference from an earlier count of the same client.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            bytes_sent: self.bytes_sent.saturating_sub(earlier.bytes_sent),
            bytes_received: self.bytes_received.saturating_sub(earlier.bytes_received),
        }
    }
}

/// A message of the server's operators (`X-Weave-Alert`).
///
/// ```
/// use selvedge_core::server::Alert;
///
/// let alert = Alert::parse(r#"{"code":"soft-eol","message":"closing in May","url":"https://example.org"}"#);
/// assert_eq!(alert, Alert::SoftEndOfLife { message: "closing in May".into(), url: "https://example.org".into() });
/// assert_eq!(Alert::parse("hello"), Alert::Text("hello".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alert {
    /// Informational: for the log, or shown at most.
    Text(String),
    /// The service will shut down: notify the user, continue to sync.
    SoftEndOfLife {
        /// The operators' message.
        message: String,
        /// Where to read more.
        url: String,
    },
    /// The service has shut down: notify the user, and stop until the account is set up again.
    HardEndOfLife {
        /// The operators' message.
        message: String,
        /// Where to read more.
        url: String,
    },
}

impl Alert {
    /// The operators' message.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::SoftEndOfLife { message, .. } | Self::HardEndOfLife { message, .. } => message,
        }
    }

    /// Parses a header value. A value that is not an alert with a known code is plain text.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        #[derive(Deserialize)]
        struct EndOfLife {
            code: String,
            #[serde(default)]
            message: String,
            #[serde(default)]
            url: String,
        }
        let alert = crate::json::from_str::<EndOfLife>(value).ok();
        match alert.as_ref().map(|alert| alert.code.as_str()) {
            Some("soft-eol") => alert.map(|alert| Self::SoftEndOfLife {
                message: cut(&alert.message),
                url: cut(&alert.url),
            }),
            Some("hard-eol") => alert.map(|alert| Self::HardEndOfLife {
                message: cut(&alert.message),
                url: cut(&alert.url),
            }),
            _ => None,
        }
        .unwrap_or_else(|| Self::Text(cut(value)))
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ALERT_CHARS).collect()
}

impl Observed {
    /// The offset for signatures; without an offset the clocks are assumed to be equal.
    #[must_use]
    pub fn offset(&self) -> ClockOffset {
        self.clock_offset.unwrap_or_default()
    }

    /// Whether the server has reported that it shut down permanently.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.alerts
            .iter()
            .any(|alert| matches!(alert, Alert::HardEndOfLife { .. }))
    }

    /// Records the headers of a response that arrived at `now`; `server_now` is its server time, if present.
    pub(crate) fn reply(
        &mut self,
        headers: &Headers,
        now: LocalTime,
        server_now: Option<ServerTime>,
    ) {
        if let Some(server_now) = server_now {
            self.clock_offset = Some(ClockOffset::between(server_now, now));
        }
        let offset = self.offset();
        self.backoff.observe(headers, now, offset);
        if let Some(text) = headers.get("X-Weave-Alert") {
            let alert = Alert::parse(text);
            let is_hard = matches!(alert, Alert::HardEndOfLife { .. });
            if !self.alerts.contains(&alert)
                && (self.alerts.len() < MAX_ALERTS || is_hard && !self.is_closed())
            {
                self.alerts.push(alert);
            }
        }
        if let Some(remaining) = headers.get("X-Weave-Quota-Remaining").and_then(kilobytes) {
            self.quota_remaining = Some(remaining);
        }
    }
}

/// Converts a decimal number of KB to bytes, rounded; a negative number is zero.
pub(crate) fn kilobytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let mut thousandths = 0;
    for (place, digit) in [100, 10, 1].into_iter().zip(fraction.bytes()) {
        thousandths += place * u64::from(digit.wrapping_sub(b'0'));
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let bytes = whole
        .parse::<u64>()
        .unwrap_or(u64::MAX)
        .saturating_mul(1024);
    let bytes = bytes.saturating_add((thousandths * 1024 + 500) / 1000);
    Some(if is_negative { 0 } else { bytes })
}

/// Converts a number of KB (1024 bytes each) to bytes. A number that is too large becomes the maximum.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, as intended"
)]
pub(crate) fn bytes(kilobytes: f64) -> u64 {
    (kilobytes * 1024.0 + 0.5) as u64
}

/// The server's time, from a storage response.
pub(crate) fn weave_timestamp(headers: &Headers) -> Option<ServerTime> {
    ServerTime::parse(headers.get("X-Weave-Timestamp")?.trim()).ok()
}

/// Whether a response comes from the storage server itself: responses of a proxy, a captive portal or another web
/// server have no `X-Weave-Timestamp` (spec §4.4). Only a genuine response is evidence that data are missing.
pub(crate) fn is_genuine(headers: &Headers) -> bool {
    let stamp = headers.get("X-Weave-Timestamp").map(str::trim);
    stamp.is_some_and(|stamp| ServerTime::parse_json(stamp.as_bytes()).is_ok())
}

/// The modification time of the requested resource, if the response contains it.
pub(crate) fn last_modified(headers: &Headers) -> Option<ServerTime> {
    ServerTime::parse(headers.get("X-Last-Modified")?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: LocalTime = LocalTime::from_millis(1_700_000_000_000);

    #[derive(Deserialize)]
    struct Case {
        name: String,
        local: u64,
        server: String,
        offset_ms: i64,
        next_ts: u64,
    }

    #[test]
    fn the_clock_offset_of_a_response_is_used_for_the_next_request() {
        #[derive(Deserialize)]
        struct Vectors {
            clock_offset: Vec<Case>,
        }
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/hawk.json")).unwrap();
        assert!(!vectors.clock_offset.is_empty());
        for case in vectors.clock_offset {
            let now = LocalTime::from_millis(case.local * 1000);
            let headers = [("X-Weave-Timestamp", case.server)].into_iter().collect();
            let mut observed = Observed::default();
            observed.reply(&headers, now, weave_timestamp(&headers));
            let offset = observed.offset();
            assert_eq!(
                (offset.millis(), offset.server_seconds(now)),
                (case.offset_ms, case.next_ts),
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn a_response_is_genuine_if_it_has_the_server_time() {
        let rows = [
            (Some("1700000000.42"), true),
            (Some("1700000000"), true),
            (Some(" 1.7e9 "), true),
            (Some("0.00"), true),
            (Some(""), false),
            (Some("now"), false),
            (Some("-1"), false),
            (Some("NaN"), false),
            (None, false),
        ];
        for (stamp, expected) in rows {
            let headers = stamp.map(|stamp| ("x-weave-timestamp", stamp));
            let headers = headers.into_iter().chain([("Server", "x")]).collect();
            assert_eq!(is_genuine(&headers), expected, "{stamp:?}");
        }
    }

    #[test]
    fn each_alert_is_kept_once_and_their_number_is_limited() {
        let mut observed = Observed::default();
        for text in ["a", "a", "b"] {
            observed.reply(&[("X-Weave-Alert", text)].into_iter().collect(), NOW, None);
        }
        assert_eq!(
            observed.alerts,
            [Alert::Text("a".into()), Alert::Text("b".into())]
        );
        for n in 0..100 {
            let text = format!("{n}{}", "x".repeat(5000));
            observed.reply(&[("X-Weave-Alert", text)].into_iter().collect(), NOW, None);
        }
        assert_eq!(observed.alerts.len(), MAX_ALERTS);
        assert!(!observed.is_closed());
        for _ in 0..2 {
            let hard = r#"{"code":"hard-eol","message":"gone","url":""}"#;
            observed.reply(&[("x-weave-alert", hard)].into_iter().collect(), NOW, None);
        }
        assert!(observed.is_closed());
        assert_eq!(observed.alerts.len(), MAX_ALERTS + 1);
    }

    #[test]
    fn a_malformed_alert_is_a_text() {
        for text in ["{", r#"{"code":7}"#, r#"{"code":"new-code","message":"m"}"#] {
            assert_eq!(Alert::parse(text), Alert::Text(text.into()));
        }
    }

    #[test]
    fn the_remaining_quota_is_reported_in_bytes() {
        let rows = [
            ("1.5", Some(1536)),
            ("0", Some(0)),
            ("-3", Some(0)),
            ("much", None),
            ("NaN", None),
        ];
        for (text, left) in rows {
            let mut observed = Observed::default();
            observed.reply(
                &[("X-Weave-Quota-Remaining", text)].into_iter().collect(),
                NOW,
                None,
            );
            assert_eq!(observed.quota_remaining, left, "{text}");
        }
    }
}
