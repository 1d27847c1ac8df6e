//! What to do after an attempt of a request: finish, retry after a wait, request a token first, or give up (spec §1.4,
//! §1.6).
//!
//! ```text
//! 200, complete ─────────────────────────────→ done
//! the host reports no network ───────────────→ give up; the daemon waits for the network
//! 403, no token requested yet ───────────────→ request a token, then retry after the wait
//! 403 again ─────────────────────────────────→ give up
//! any other 4xx except 408 and 429 ──────────→ give up
//! 408, 429, 5xx, other status, no response ──→ retry after the wait
//! the fifth attempt ─────────────────────────→ give up, whatever the result
//!
//! the wait before attempt 2, 3, 4, 5: 4, 8, 16, 32 seconds, or Retry-After of 429 and 503 if that is longer, at most 60
//! ```

/// Maximum number of attempts per request.
pub const ATTEMPTS: u32 = 5;

/// Maximum wait from a server's `Retry-After`, in seconds.
const MAX_SECONDS: u64 = 60;

/// The result of an attempt.
///
/// ```
/// use selvedge_santa::AttemptResult;
///
/// assert_ne!(AttemptResult::Nothing, AttemptResult::NoNetwork);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// A response, whose body was received completely.
    Answer {
        /// Its status.
        status: u16,
        /// Its `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The connection failed, timed out, or was closed before the end of the response.
    Nothing,
    /// The host reports that there is no network.
    NoNetwork,
}

/// The next step after an attempt.
///
/// ```
/// use selvedge_santa::{AttemptResult, Verdict};
///
/// assert_eq!(Verdict::judge(AttemptResult::Nothing, 1, true), Verdict::Retry { seconds: 4 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The response is final.
    Done,
    /// Retry after this number of seconds.
    Retry {
        /// The wait.
        seconds: u64,
    },
    /// Request a token and, if the server sends one, retry after this number of seconds.
    TokenFirst {
        /// The wait.
        seconds: u64,
    },
    /// No further attempts.
    Final,
}

impl Verdict {
    /// Evaluates an attempt; `attempt` counts from 1. A token may be requested once per stage.
    #[must_use]
    pub fn judge(result: AttemptResult, attempt: u32, may_ask_for_token: bool) -> Self {
        let retry_after = match result {
            AttemptResult::Answer { status: 200, .. } => return Self::Done,
            AttemptResult::NoNetwork => return Self::Final,
            AttemptResult::Answer {
                status: 429 | 503,
                retry_after,
            } => retry_after,
            AttemptResult::Answer { .. } | AttemptResult::Nothing => None,
        };
        if attempt >= ATTEMPTS {
            return Self::Final;
        }
        // 2^n seconds before attempt n.
        let scheduled = 1 << (attempt.max(1) + 1);
        let seconds = scheduled.max(retry_after.unwrap_or(0).min(MAX_SECONDS));
        match result {
            AttemptResult::Answer { status: 403, .. } if may_ask_for_token => {
                Self::TokenFirst { seconds }
            }
            AttemptResult::Answer {
                status: 408 | 429, ..
            } => Self::Retry { seconds },
            AttemptResult::Answer {
                status: 400..=499, ..
            } => Self::Final,
            _ => Self::Retry { seconds },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        let answer = |status| AttemptResult::Answer {
            status,
            retry_after: None,
        };
        let later = |status, seconds| AttemptResult::Answer {
            status,
            retry_after: Some(seconds),
        };
        let again = |seconds| Verdict::Retry { seconds };
        let rows = [
            ("200", answer(200), 1, true, Verdict::Done),
            ("200 at last", answer(200), 5, false, Verdict::Done),
            (
                "no network",
                AttemptResult::NoNetwork,
                1,
                true,
                Verdict::Final,
            ),
            ("nothing, first", AttemptResult::Nothing, 1, true, again(4)),
            ("nothing, second", AttemptResult::Nothing, 2, true, again(8)),
            ("nothing, third", AttemptResult::Nothing, 3, true, again(16)),
            (
                "nothing, fourth",
                AttemptResult::Nothing,
                4,
                true,
                again(32),
            ),
            (
                "nothing, fifth",
                AttemptResult::Nothing,
                5,
                true,
                Verdict::Final,
            ),
            (
                "403",
                answer(403),
                1,
                true,
                Verdict::TokenFirst { seconds: 4 },
            ),
            ("403 again", answer(403), 2, false, Verdict::Final),
            ("403, fifth", answer(403), 5, true, Verdict::Final),
            ("404", answer(404), 1, true, Verdict::Final),
            ("408", answer(408), 1, true, again(4)),
            ("429", answer(429), 2, true, again(8)),
            ("429, in 30 s", later(429, 30), 1, true, again(30)),
            ("429, in 1 s", later(429, 1), 1, true, again(4)),
            ("503, in an hour", later(503, 3600), 1, true, again(60)),
            ("500 with Retry-After", later(500, 30), 1, true, again(4)),
            ("500, fifth", answer(500), 5, true, Verdict::Final),
            ("204", answer(204), 1, true, again(4)),
            ("301", answer(301), 3, true, again(16)),
            ("100", answer(100), 1, true, again(4)),
            ("beyond all", answer(700), 1, true, again(4)),
        ];
        for (name, result, attempt, may_ask, expected) in rows {
            assert_eq!(Verdict::judge(result, attempt, may_ask), expected, "{name}");
        }
    }
}
