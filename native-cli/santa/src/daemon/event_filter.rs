//! Decides whether an event that an agent posts is dropped, stored or uploaded immediately (spec §2.4, §5.3).
//!
//! ```text
//! a decision that the server does not want ──────────────────────────────────→ dropped
//! allowed or only audited, and stored already in the last 4 hours ───────────→ dropped
//! allowed or only audited ───────────────────────────────────────────────────→ stored for the next sync
//! blocked, denied, of a bundle, or an audit event ───────────────────────────→ stored, and uploaded immediately, but
//!                                                                              each key at most once in 10 minutes
//! ```

use selvedge_core::time::LocalTime;
use selvedge_santa::wire::FileAccessDecision;
use selvedge_santa::{Occurrence, Settings, Throttle};

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// Discard it.
    Drop,
    /// Store it for the next sync.
    Keep,
    /// Store it, and upload it immediately.
    Send,
}

/// Keys of recent events, in memory only.
#[derive(Debug)]
pub(super) struct RecentEvents {
    allowed: Throttle,
    sent: Throttle,
}

impl Default for RecentEvents {
    fn default() -> Self {
        Self {
            allowed: Throttle::of_allowed(),
            sent: Throttle::of_uploads(),
        }
    }
}

impl RecentEvents {
    /// Decides what to do with an event, and remembers the key of an allowed event.
    pub(super) fn decide(
        &mut self,
        occurrence: &Occurrence,
        settings: &Settings,
        now: LocalTime,
    ) -> Disposition {
        if !is_wanted(occurrence, settings) {
            Disposition::Drop
        } else if !is_harmless(occurrence) {
            Disposition::Send
        } else if self.allowed.passes(&occurrence.key(), now) {
            Disposition::Keep
        } else {
            Disposition::Drop
        }
    }

    /// Whether an event with this key may be uploaded now.
    pub(super) fn may_send(&mut self, key: &str, now: LocalTime) -> bool {
        self.sent.passes(key, now)
    }

    /// Forgets a key whose upload failed, or of which the server wants more events.
    pub(super) fn forget(&mut self, key: &str) {
        self.sent.forget(key);
    }

    /// Forgets an allowed event that could not be stored.
    pub(super) fn forget_allowed(&mut self, occurrence: &Occurrence) {
        if is_harmless(occurrence) {
            self.allowed.forget(&occurrence.key());
        }
    }
}

/// Whether the effective settings request this event.
fn is_wanted(occurrence: &Occurrence, settings: &Settings) -> bool {
    match occurrence {
        Occurrence::Execution(event) => event
            .decision
            .is_some_and(|decision| settings.keeps(decision)),
        Occurrence::FileAccess(event) => event.decision.is_some(),
        Occurrence::Audit(_) => true,
    }
}

/// Whether the action was not blocked. Such an event is stored once in 4 hours.
fn is_harmless(occurrence: &Occurrence) -> bool {
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
    fn file_access_and_audit_events_are_stored_with_any_settings() {
        let mut recent = RecentEvents::default();
        let settings = Settings::default();
        let mut decide =
            |occurrence: &Occurrence| recent.decide(occurrence, &settings, LocalTime::default());
        let audited = access(FileAccessDecision::AuditOnly);
        assert_eq!(decide(&audited), Disposition::Keep);
        assert_eq!(decide(&audited), Disposition::Drop);
        let denied = access(FileAccessDecision::Denied);
        assert_eq!([decide(&denied), decide(&denied)], [Disposition::Send; 2]);
        let audit = Occurrence::Audit(Box::default());
        assert_eq!(decide(&audit), Disposition::Send);
        recent.forget_allowed(&audited);
        let again = recent.decide(&audited, &settings, LocalTime::default());
        assert_eq!(again, Disposition::Keep);
    }

    #[test]
    fn the_disposition_of_each_kind_of_event() {
        let everything = Settings {
            enable_all_event_upload: Some(true),
            ..Settings::default()
        };
        let usual = Settings::default();
        let rows = [
            ("no decision", None, &usual, Disposition::Drop),
            (
                "not wanted",
                Some(Decision::AllowBinary),
                &usual,
                Disposition::Drop,
            ),
            (
                "all events are wanted",
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
                RecentEvents::default().decide(&event(decision), settings, LocalTime::default());
            assert_eq!(disposition, expected, "{name}");
        }
    }

    #[test]
    fn allowed_events_are_stored_once_in_four_hours_and_blocked_events_each_time() {
        let at = |seconds| LocalTime::default().plus_seconds(seconds);
        let (mut recent, settings) = (RecentEvents::default(), Settings::default());
        let allowed = event(Some(Decision::AllowUnknown));
        assert_eq!(recent.decide(&allowed, &settings, at(0)), Disposition::Keep);
        assert_eq!(
            recent.decide(&allowed, &settings, at(14_399)),
            Disposition::Drop
        );
        assert_eq!(
            recent.decide(&allowed, &settings, at(14_400)),
            Disposition::Keep
        );
        recent.forget_allowed(&allowed);
        assert_eq!(
            recent.decide(&allowed, &settings, at(14_401)),
            Disposition::Keep
        );
        let blocked = event(Some(Decision::BlockBinary));
        assert_eq!(recent.decide(&blocked, &settings, at(0)), Disposition::Send);
        assert_eq!(recent.decide(&blocked, &settings, at(1)), Disposition::Send);
    }
}
