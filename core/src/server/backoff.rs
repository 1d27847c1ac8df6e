//! How long the server asks clients to wait (spec §3.5).

use serde::{Deserialize, Serialize};

use super::http_date;
use crate::http::Headers;
use crate::time::{ClockOffset, LocalTime};

/// Maximum wait that a server can request, in seconds.
const WEEK_SECONDS: u64 = 7 * 24 * 60 * 60;

/// The local time until which a server asks clients to wait.
///
/// This is only data: nothing here waits. A later time replaces an earlier one, and nothing shortens the wait.
///
/// ```
/// use selvedge_core::http::Headers;
/// use selvedge_core::server::Backoff;
/// use selvedge_core::time::{ClockOffset, LocalTime};
///
/// let now = LocalTime::from_millis(1_700_000_000_000);
/// let headers: Headers = [("X-Weave-Backoff", "29.5")].into_iter().collect();
/// let mut backoff = Backoff::default();
/// backoff.observe(&headers, now, ClockOffset::default());
/// assert_eq!(backoff.soft, Some(now.plus_seconds(30)));
/// assert_eq!(backoff.until(), backoff.soft);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Backoff {
    /// From `X-Weave-Backoff` and `X-Backoff`: finish what is needed for consistency, then wait. A manual sync may
    /// ignore it.
    pub soft: Option<LocalTime>,
    /// From `Retry-After`: stop immediately. Manual syncs must wait too.
    pub hard: Option<LocalTime>,
}

impl Backoff {
    /// The later of the two.
    #[must_use]
    pub fn until(&self) -> Option<LocalTime> {
        self.soft.max(self.hard)
    }

    /// Records the headers of a response that arrived at `now`.
    ///
    /// Seconds may have a fraction, which is rounded up; `Retry-After` may also be an HTTP date, by the server's clock.
    /// A negative or invalid value is ignored; a wait of more than a week is shortened to a week.
    pub fn observe(&mut self, headers: &Headers, now: LocalTime, offset: ClockOffset) {
        for name in ["X-Weave-Backoff", "X-Backoff"] {
            let seconds_to_wait = headers.get(name).and_then(seconds);
            self.soft = self.soft.max(seconds_to_wait.map(|wait| until(now, wait)));
        }
        let seconds_to_wait = headers.get("Retry-After").and_then(|text| {
            seconds(text).or_else(|| {
                let at = http_date::parse(text.trim())?;
                let server_now = offset.server_millis(now).div_ceil(1000);
                at.checked_sub(server_now)
            })
        });
        self.hard = self.hard.max(seconds_to_wait.map(|wait| until(now, wait)));
    }

    /// Adds another client's observations.
    pub fn merge(&mut self, other: Self) {
        self.soft = self.soft.max(other.soft);
        self.hard = self.hard.max(other.hard);
    }
}

fn until(now: LocalTime, seconds: u64) -> LocalTime {
    now.plus_seconds(seconds.min(WEEK_SECONDS))
}

/// Whole seconds of a decimal text, rounded up; a number that is too large becomes the maximum.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    if whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(whole.parse().unwrap_or(u64::MAX).saturating_add(more))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: LocalTime = LocalTime::from_millis(1_700_000_000_000);

    fn seen(headers: &[(&str, &str)]) -> Backoff {
        let mut backoff = Backoff::default();
        let headers = headers.iter().copied().collect();
        backoff.observe(&headers, NOW, ClockOffset::default());
        backoff
    }

    #[test]
    fn seconds_are_parsed_in_every_form() {
        let rows = [
            ("0", Some(0)),
            ("30", Some(30)),
            (" 30 ", Some(30)),
            ("29.01", Some(30)),
            ("29.00", Some(29)),
            ("1814400", Some(WEEK_SECONDS)),
            ("99999999999999999999999999", Some(WEEK_SECONDS)),
            ("-5", None),
            ("", None),
            ("soon", None),
            ("1e3", None),
            ("5.", None),
            (".5", None),
        ];
        for (text, wait) in rows {
            let until = wait.map(|seconds| NOW.plus_seconds(seconds));
            assert_eq!(seen(&[("X-Weave-Backoff", text)]).soft, until, "{text:?}");
            assert_eq!(seen(&[("X-Backoff", text)]).soft, until, "{text:?}");
            assert_eq!(seen(&[("Retry-After", text)]).hard, until, "{text:?}");
        }
    }

    #[test]
    fn retry_after_may_be_a_date_by_the_servers_clock() {
        // 1 700 000 000 is Tue, 14 Nov 2023 22:13:20 GMT.
        let date: Headers = [("Retry-After", "Tue, 14 Nov 2023 22:14:20 GMT")]
            .into_iter()
            .collect();
        let rows = [(0, Some(60)), (30, Some(30)), (61, None)];
        for (server_ahead, wait) in rows {
            let server =
                crate::time::ServerTime::from_hundredths((1_700_000_000 + server_ahead) * 100);
            let mut backoff = Backoff::default();
            backoff.observe(&date, NOW, ClockOffset::between(server, NOW));
            assert_eq!(
                backoff.hard,
                wait.map(|s| NOW.plus_seconds(s)),
                "{server_ahead}"
            );
        }
    }

    #[test]
    fn the_larger_wins_and_nothing_shortens_it() {
        let mut backoff = seen(&[("X-Weave-Backoff", "60"), ("Retry-After", "10")]);
        assert_eq!(backoff.until(), Some(NOW.plus_seconds(60)));
        backoff.merge(seen(&[("X-Weave-Backoff", "5"), ("Retry-After", "90")]));
        assert_eq!(backoff.soft, Some(NOW.plus_seconds(60)));
        assert_eq!(backoff.until(), Some(NOW.plus_seconds(90)));
    }
}
