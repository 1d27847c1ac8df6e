//! What an answer means for a request: done, once more after a while, a token first, or the end (spec §1.4, §1.6).
//!
//! ```text
//! 200, whole ────────────────────────────────→ done
//! no network, as the host knows ─────────────→ the end; the network's return is waited for
//! 403, not yet asked for a token ────────────→ a token, then once more after the wait
//! 403 again ─────────────────────────────────→ the end
//! any other 4xx but 408 and 429 ─────────────→ the end
//! 408, 429, 5xx, any other status, no answer → once more after the wait
//! the fifth attempt ─────────────────────────→ the end, whatever it was
//!
//! the wait before attempt 2, 3, 4, 5: 4, 8, 16, 32 seconds, or Retry-After of 429 and 503 if that is longer, at most 60
//! ```

/// So many attempts has a request.
pub const ATTEMPTS: u32 = 5;

/// A server's `Retry-After` is honoured up to so many seconds.
const MAX_SECONDS: u64 = 60;

/// What came of an attempt.
///
/// ```
/// use selvedge_santa::Heard;
///
/// assert_ne!(Heard::Nothing, Heard::NoNetwork);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An answer, whose body came whole.
    Answer {
        /// Its status.
        status: u16,
        /// Its `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The connection failed, timed out, or was cut in the middle of an answer.
    Nothing,
    /// The host knows that there is no network.
    NoNetwork,
}

/// What follows an attempt.
///
/// ```
/// use selvedge_santa::{Heard, Verdict};
///
/// assert_eq!(Verdict::judge(Heard::Nothing, 1, true), Verdict::Again { seconds: 4 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answer counts.
    Done,
    /// Once more after so many seconds.
    Again {
        /// The wait.
        seconds: u64,
    },
    /// Ask for a token, and if there is one, once more after so many seconds.
    TokenFirst {
        /// The wait.
        seconds: u64,
    },
    /// No more attempts.
    Final,
}

impl Verdict {
    /// Judges the attempt of number `attempt`, from 1. A token may be asked for once in a stage.
    #[must_use]
    pub fn judge(heard: Heard, attempt: u32, may_ask_for_token: bool) -> Self {
        let retry_after = match heard {
            Heard::Answer { status: 200, .. } => return Self::Done,
            Heard::NoNetwork => return Self::Final,
            Heard::Answer {
                status: 429 | 503,
                retry_after,
            } => retry_after,
            Heard::Answer { .. } | Heard::Nothing => None,
        };
        if attempt >= ATTEMPTS {
            return Self::Final;
        }
        // 2^n before attempt n.
        let scheduled = 1 << (attempt.max(1) + 1);
        let seconds = scheduled.max(retry_after.unwrap_or(0).min(MAX_SECONDS));
        match heard {
            Heard::Answer { status: 403, .. } if may_ask_for_token => Self::TokenFirst { seconds },
            Heard::Answer {
                status: 408 | 429, ..
            } => Self::Again { seconds },
            Heard::Answer {
                status: 400..=499, ..
            } => Self::Final,
            _ => Self::Again { seconds },
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
        let answer = |status| Heard::Answer {
            status,
            retry_after: None,
        };
        let later = |status, seconds| Heard::Answer {
            status,
            retry_after: Some(seconds),
        };
        let again = |seconds| Verdict::Again { seconds };
        let rows = [
            ("200", answer(200), 1, true, Verdict::Done),
            ("200 at last", answer(200), 5, false, Verdict::Done),
            ("no network", Heard::NoNetwork, 1, true, Verdict::Final),
            ("nothing, first", Heard::Nothing, 1, true, again(4)),
            ("nothing, second", Heard::Nothing, 2, true, again(8)),
            ("nothing, third", Heard::Nothing, 3, true, again(16)),
            ("nothing, fourth", Heard::Nothing, 4, true, again(32)),
            ("nothing, fifth", Heard::Nothing, 5, true, Verdict::Final),
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
            ("500 does not say when", later(500, 30), 1, true, again(4)),
            ("500, fifth", answer(500), 5, true, Verdict::Final),
            ("204", answer(204), 1, true, again(4)),
            ("301", answer(301), 3, true, again(16)),
            ("100", answer(100), 1, true, again(4)),
            ("beyond all", answer(700), 1, true, again(4)),
        ];
        for (name, heard, attempt, may_ask, expected) in rows {
            assert_eq!(Verdict::judge(heard, attempt, may_ask), expected, "{name}");
        }
    }
}
