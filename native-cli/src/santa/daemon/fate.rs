//! What becomes of an event that an agent posts (spec §2.4, §5.3).
//!
//! ```text
//! a decision that has no form on the wire, or that the server does not want ─→ dropped
//! allowed, and the same was kept in the last four hours ────────────────────→ dropped
//! allowed ──────────────────────────────────────────────────────────────────→ kept for the next sync
//! blocked, or of a bundle ──────────────────────────────────────────────────→ kept, and sent at once, but each key only
//!                                                                             once in ten minutes
//! ```

use selvedge_core::santa::wire::{Decision, Event};
use selvedge_core::santa::{Settings, Throttle};
use selvedge_core::time::LocalTime;

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Drop,
    /// It is kept for the next sync.
    Keep,
    /// It is kept, and sent at once.
    Send,
}

/// What came lately. It is lost with the process.
#[derive(Debug)]
pub(super) struct Recent {
    allowed: Throttle,
    sent: Throttle,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            allowed: Throttle::of_allowed(),
            sent: Throttle::of_uploads(),
        }
    }
}

impl Recent {
    /// Decides what becomes of an event, and remembers it if it was allowed.
    pub(super) fn judge(&mut self, event: &Event, settings: &Settings, now: LocalTime) -> Fate {
        let Some(decision) = event.decision.filter(|decision| settings.keeps(*decision)) else {
            return Fate::Drop;
        };
        match decision.is_allow() {
            true if self.allowed.passes(&event.file_sha256, now) => Fate::Keep,
            true => Fate::Drop,
            false => Fate::Send,
        }
    }

    /// Whether something with this key may be sent now.
    pub(super) fn may_send(&mut self, key: &str, now: LocalTime) -> bool {
        self.sent.passes(key, now)
    }

    /// It was not sent after all, or the server wants more of it.
    pub(super) fn forget(&mut self, key: &str) {
        self.sent.forget(key);
    }

    /// An allowed event was not kept after all.
    pub(super) fn forget_allowed(&mut self, event: &Event) {
        if event.decision.is_some_and(Decision::is_allow) {
            self.allowed.forget(&event.file_sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(decision: Option<Decision>) -> Event {
        Event {
            file_sha256: "ab".into(),
            decision,
            ..Event::default()
        }
    }

    #[test]
    fn every_row() {
        let everything = Settings {
            enable_all_event_upload: Some(true),
            ..Settings::default()
        };
        let usual = Settings::default();
        let rows = [
            ("no form on the wire", None, &usual, Fate::Drop),
            (
                "not wanted",
                Some(Decision::AllowBinary),
                &usual,
                Fate::Drop,
            ),
            (
                "all is wanted",
                Some(Decision::AllowBinary),
                &everything,
                Fate::Keep,
            ),
            ("unknown", Some(Decision::AllowUnknown), &usual, Fate::Keep),
            ("blocked", Some(Decision::BlockBinary), &usual, Fate::Send),
            (
                "of a bundle",
                Some(Decision::BundleBinary),
                &usual,
                Fate::Send,
            ),
        ];
        for (name, decision, settings, expected) in rows {
            let fate = Recent::default().judge(&event(decision), settings, LocalTime::default());
            assert_eq!(fate, expected, "{name}");
        }
    }

    #[test]
    fn what_is_allowed_is_kept_once_in_four_hours_and_what_is_blocked_each_time() {
        let at = |seconds| LocalTime::default().plus_seconds(seconds);
        let (mut recent, settings) = (Recent::default(), Settings::default());
        let allowed = event(Some(Decision::AllowUnknown));
        assert_eq!(recent.judge(&allowed, &settings, at(0)), Fate::Keep);
        assert_eq!(recent.judge(&allowed, &settings, at(14_399)), Fate::Drop);
        assert_eq!(recent.judge(&allowed, &settings, at(14_400)), Fate::Keep);
        recent.forget_allowed(&allowed);
        assert_eq!(recent.judge(&allowed, &settings, at(14_401)), Fate::Keep);
        let blocked = event(Some(Decision::BlockBinary));
        assert_eq!(recent.judge(&blocked, &settings, at(0)), Fate::Send);
        assert_eq!(recent.judge(&blocked, &settings, at(1)), Fate::Send);
    }
}
