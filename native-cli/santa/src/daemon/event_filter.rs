//! What becomes of an event that an agent posts (spec §2.4, §5.3).
//!
//! ```text
//! a decision that the server does not want ──────────────────────────────────→ dropped
//! allowed or only audited, and the same was kept in the last four hours ─────→ dropped
//! allowed or only audited ───────────────────────────────────────────────────→ kept for the next sync
//! blocked, denied, of a bundle, or an audit event ───────────────────────────→ kept, and sent at once, but each key
//!                                                                              only once in ten minutes
//! ```

use selvedge_core::time::LocalTime;
use selvedge_santa::wire::FileAccessDecision;
use selvedge_santa::{Occurrence, Settings, Throttle};

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
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
    pub(super) fn judge(
        &mut self,
        occurrence: &Occurrence,
        settings: &Settings,
        now: LocalTime,
    ) -> Disposition {
        if !is_wanted(occurrence, settings) {
            Disposition::Drop
        } else if !needs_no_action(occurrence) {
            Disposition::Send
        } else if self.allowed.passes(&occurrence.key(), now) {
            Disposition::Keep
        } else {
            Disposition::Drop
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
    pub(super) fn forget_allowed(&mut self, occurrence: &Occurrence) {
        if needs_no_action(occurrence) {
            self.allowed.forget(&occurrence.key());
        }
    }
}

/// Whether the settings in force have it kept for the server.
fn is_wanted(occurrence: &Occurrence, settings: &Settings) -> bool {
    match occurrence {
        Occurrence::Execution(event) => event
            .decision
            .is_some_and(|decision| settings.keeps(decision)),
        Occurrence::FileAccess(event) => event.decision.is_some(),
        Occurrence::Audit(_) => true,
    }
}

/// Whether nothing was prevented: such an event is kept once in four hours.
fn needs_no_action(occurrence: &Occurrence) -> bool {
    match occurrence {
        Occurrence::Execution(event) => event.decision.is_some_and(|decision| decision.is_allow()),
        Occurrence::FileAccess(event) => event.decision == Some(FileAccessDecision::AuditOnly),
        Occurrence::Audit(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::{Decision, Event, FileAccessEvent};

    use super::*;

    fn event(decision: Option<Decision>) -> Occurrence {
        Occurrence::Execution(Box::new(Event {
            file_sha256: "ab".into(),
            decision,
            ..Event::default()
        }))
    }

    fn access(decision: FileAccessDecision) -> Occurrence {
        Occurrence::FileAccess(Box::new(FileAccessEvent {
            rule_name: "keys".into(),
            decision: Some(decision),
            ..FileAccessEvent::default()
        }))
    }

    #[test]
    fn file_accesses_and_audits_are_kept_whatever_the_settings() {
        let mut recent = Recent::default();
        let settings = Settings::default();
        let mut judge =
            |occurrence: &Occurrence| recent.judge(occurrence, &settings, LocalTime::default());
        let audited = access(FileAccessDecision::AuditOnly);
        assert_eq!(judge(&audited), Disposition::Keep);
        assert_eq!(judge(&audited), Disposition::Drop);
        let denied = access(FileAccessDecision::Denied);
        assert_eq!([judge(&denied), judge(&denied)], [Disposition::Send; 2]);
        let audit = Occurrence::Audit(Box::default());
        assert_eq!(judge(&audit), Disposition::Send);
        recent.forget_allowed(&audited);
        let again = recent.judge(&audited, &settings, LocalTime::default());
        assert_eq!(again, Disposition::Keep);
    }

    #[test]
    fn every_row() {
        let everything = Settings {
            enable_all_event_upload: Some(true),
            ..Settings::default()
        };
        let usual = Settings::default();
        let rows = [
            ("no form on the wire", None, &usual, Disposition::Drop),
            (
                "not wanted",
                Some(Decision::AllowBinary),
                &usual,
                Disposition::Drop,
            ),
            (
                "all is wanted",
                Some(Decision::AllowBinary),
                &everything,
                Disposition::Keep,
            ),
            (
                "unknown",
                Some(Decision::AllowUnknown),
                &usual,
                Disposition::Keep,
            ),
            (
                "blocked",
                Some(Decision::BlockBinary),
                &usual,
                Disposition::Send,
            ),
            (
                "of a bundle",
                Some(Decision::BundleBinary),
                &usual,
                Disposition::Send,
            ),
        ];
        for (name, decision, settings, expected) in rows {
            let disposition =
                Recent::default().judge(&event(decision), settings, LocalTime::default());
            assert_eq!(disposition, expected, "{name}");
        }
    }

    #[test]
    fn what_is_allowed_is_kept_once_in_four_hours_and_what_is_blocked_each_time() {
        let at = |seconds| LocalTime::default().plus_seconds(seconds);
        let (mut recent, settings) = (Recent::default(), Settings::default());
        let allowed = event(Some(Decision::AllowUnknown));
        assert_eq!(recent.judge(&allowed, &settings, at(0)), Disposition::Keep);
        assert_eq!(
            recent.judge(&allowed, &settings, at(14_399)),
            Disposition::Drop
        );
        assert_eq!(
            recent.judge(&allowed, &settings, at(14_400)),
            Disposition::Keep
        );
        recent.forget_allowed(&allowed);
        assert_eq!(
            recent.judge(&allowed, &settings, at(14_401)),
            Disposition::Keep
        );
        let blocked = event(Some(Decision::BlockBinary));
        assert_eq!(recent.judge(&blocked, &settings, at(0)), Disposition::Send);
        assert_eq!(recent.judge(&blocked, &settings, at(1)), Disposition::Send);
    }
}
