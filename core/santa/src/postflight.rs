//! Stage 5: sends the result to the server, and applies the server's settings (spec §2.6).
//!
//! ```text
//! the request fails ──→ a warning; the rest is done anyway
//! then, in one commit:
//!   a clean sync ─────→ first, all settings of the server are removed
//!   each setting ─────→ present: the server's value; absent: the previous value
//!   a clean sync ─────→ the request for a clean sync is removed
//!   the time of this sync
//! ```

use super::address::Endpoint;
use super::error::{Error, Result};
use super::machine::Machine;
use super::preflight::{Plan, rules_hash};
use super::ruledownload::Downloaded;
use super::session::{Host, Session};
use super::state::SyncState;
use super::wire::{PostflightRequest, PostflightResponse};
use selvedge_core::time::LocalTime;

impl SyncState {
    /// The state after a sync with this plan.
    #[must_use]
    pub fn after(mut self, plan: &Plan, machine: &Machine, now: LocalTime) -> Self {
        if plan.kind.is_clean() {
            self.settings = super::settings::Settings::default();
            self.requested = super::kind::Kind::Normal;
            self.replaced_mode = None;
        }
        let mode = self.settings.client_mode;
        self.settings.take(&plan.response);
        if self.settings.client_mode != mode {
            self.settings.client_mode = self.settings.client_mode.map(|new| machine.permitted(new));
        }
        if plan.response.client_mode.is_some() {
            self.replaced_mode = machine.replaced(&plan.response);
        }
        if plan.timing.full_interval.is_some() {
            self.settings.full_sync_interval = plan.timing.full_interval;
        }
        self.last_full_sync = Some(now);
        self.last_rule_sync = Some(now);
        self
    }
}

/// Sends the result to the server, then applies the settings. Returns the error of the request, which is only a
/// warning.
pub(super) async fn step<H: Host>(
    session: &Session<'_, H>,
    plan: &Plan,
    downloaded: &Downloaded,
) -> Result<Option<Error>> {
    let request = PostflightRequest {
        rules_received: downloaded.received,
        rules_processed: downloaded.processed,
        machine_id: session.client.machine().into(),
        sync_type: Some(plan.kind.sync_type()),
        rules_hash: rules_hash(session.host).await?,
    };
    let stage = session.client.stage(Endpoint::Postflight);
    let response: Result<PostflightResponse> = stage.send(&request).await;
    let state = SyncState::load(session.host).await?;
    let after = state.after(plan, &session.options.machine, session.host.now());
    after.save(session.host).await?;
    Ok(response.err())
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::settings::Settings;
    use super::super::wire::{ClientMode, PreflightResponse};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_replaced_mode_is_stored_until_the_server_sets_another_one() {
        let now = LocalTime::from_millis(5);
        let after = |state: SyncState, allows_standalone, text: &str| {
            let plan = Plan::decide(Kind::Normal, serde_json::from_str(text).unwrap());
            let machine = Machine {
                allows_standalone,
                ..Machine::default()
            };
            let state = state.after(&plan, &machine, now);
            let seen = (state.settings.client_mode, state.replaced_mode);
            (state, seen)
        };
        let lockdown = Some(ClientMode::Lockdown);
        let standalone = Some(ClientMode::Standalone);
        let (state, seen) = after(
            SyncState::default(),
            false,
            r#"{"client_mode":"STANDALONE"}"#,
        );
        assert_eq!(seen, (lockdown, standalone));
        let (state, seen) = after(state, false, "{}");
        assert_eq!(seen, (lockdown, standalone));
        let (state, seen) = after(state, true, r#"{"client_mode":"STANDALONE"}"#);
        assert_eq!(seen, (standalone, None));
        let (state, seen) = after(state, false, r#"{"client_mode":"LOCKDOWN"}"#);
        assert_eq!(seen, (lockdown, None));
        let (_, seen) = after(
            state,
            false,
            r#"{"client_mode":"STANDALONE","sync_type":"CLEAN"}"#,
        );
        assert_eq!(seen, (lockdown, standalone));
    }

    #[test]
    fn every_row() {
        let now = LocalTime::from_millis(5);
        let before = SyncState {
            requested: Kind::Clean,
            settings: Settings {
                client_mode: Some(ClientMode::Monitor),
                full_sync_interval: Some(900),
                allowed_path_regex: Some("a".into()),
                ..Settings::default()
            },
            ..SyncState::default()
        };
        let machine = Machine::default();
        let after = |asked_for, text: &str| {
            let response: PreflightResponse = serde_json::from_str(text).unwrap();
            let plan = Plan::decide(asked_for, response);
            before.clone().after(&plan, &machine, now)
        };
        // The response; then the requested kind, the mode, the interval and the pattern afterwards.
        let rows = [
            (
                "{}",
                Kind::Clean,
                Some(ClientMode::Monitor),
                Some(900),
                Some("a"),
            ),
            (
                r#"{"client_mode":"LOCKDOWN"}"#,
                Kind::Clean,
                Some(ClientMode::Lockdown),
                Some(900),
                Some("a"),
            ),
            (
                r#"{"client_mode":"STANDALONE"}"#,
                Kind::Clean,
                Some(ClientMode::Lockdown),
                Some(900),
                Some("a"),
            ),
            (
                r#"{"full_sync_interval":30}"#,
                Kind::Clean,
                Some(ClientMode::Monitor),
                Some(60),
                Some("a"),
            ),
            (
                r#"{"full_sync_interval":0}"#,
                Kind::Clean,
                Some(ClientMode::Monitor),
                Some(900),
                Some("a"),
            ),
            (r#"{"sync_type":"CLEAN"}"#, Kind::Normal, None, None, None),
            (
                r#"{"clean_sync":true,"allowed_path_regex":"b"}"#,
                Kind::Normal,
                None,
                None,
                Some("b"),
            ),
        ];
        for (text, requested, mode, interval, pattern) in rows {
            let state = after(Kind::Clean, text);
            assert_eq!(state.requested, requested, "{text}");
            assert_eq!(state.settings.client_mode, mode, "{text}");
            assert_eq!(state.settings.full_sync_interval, interval, "{text}");
            assert_eq!(
                state.settings.allowed_path_regex.as_deref(),
                pattern,
                "{text}"
            );
            assert_eq!(
                (state.last_full_sync, state.last_rule_sync),
                (Some(now), Some(now)),
                "{text}"
            );
        }
    }
}
