//! Stage 1: the machine sends its description, the server responds with settings (spec §2.1, §2.2).
//!
//! ```text
//! no complete response with 200 ─────→ the sync ends, status 1; nothing was changed
//! an invalid response ───────────────→ the same, without a retry
//! else ──────────────────────────────→ the kind of this sync, the batch size, when to sync next
//! ```
//!
//! Nothing takes effect yet: settings are applied at the end of the sync, after the rules.

use alloc::string::String;

use super::address::Endpoint;
use super::error::Result;
use super::kind::Kind;
use super::rules_hash::RulesHash;
use super::session::{Host, Session};
use super::state::SyncState;
use super::store::RuleStore;
use super::timing::Timing;
use super::wire::{ClientMode, PreflightRequest, PreflightResponse};

/// Number of events in one request if the server does not specify it.
const BATCH_SIZE: u32 = 50;

/// Minimum interval between two syncs that a server can set, in seconds.
const MIN_INTERVAL: u32 = 60;

/// Minimum deadline for a rule sync of all machines, in seconds.
const MIN_DEADLINE: u32 = 600;

/// Number of rules that are read at once to compute their hash.
const PAGE: usize = 500;

/// What an answer to preflight means.
///
/// ```
/// use selvedge_santa::{Kind, Plan};
/// use selvedge_santa::wire::PreflightResponse;
///
/// let plan = Plan::decide(Kind::Clean, PreflightResponse::default());
/// assert_eq!((plan.kind, plan.batch_size, plan.timing.rule_deadline), (Kind::Normal, 50, 600));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The kind of sync that the client requested.
    pub requested: Kind,
    /// The kind of this sync.
    pub kind: Kind,
    /// Number of events in one request, at least one.
    pub batch_size: u32,
    /// When to sync next.
    pub timing: Timing,
    /// The whole response: its settings are applied at the end of the sync.
    pub response: PreflightResponse,
}

impl Plan {
    /// Evaluates the client's request and the server's response.
    #[must_use]
    pub fn decide(asked_for: Kind, response: PreflightResponse) -> Self {
        let non_zero = |seconds: Option<u32>| seconds.filter(|seconds| *seconds > 0);
        let interval = |seconds: Option<u32>| non_zero(seconds).map(|s| s.max(MIN_INTERVAL));
        let push_interval = non_zero(response.push_notification_full_sync_interval_seconds)
            .or(response.fcm_full_sync_interval_seconds);
        let deadline = non_zero(response.push_notification_global_rule_sync_deadline_seconds)
            .or(response.fcm_global_rule_sync_deadline_seconds);
        Self {
            requested: asked_for,
            kind: Kind::decide(asked_for, &response),
            batch_size: non_zero(response.batch_size).unwrap_or(BATCH_SIZE),
            timing: Timing {
                full_interval: interval(response.full_sync_interval_seconds),
                push_interval: interval(push_interval),
                rule_deadline: deadline.unwrap_or(0).max(MIN_DEADLINE),
            },
            response,
        }
    }
}

/// The hash of a store's rules.
pub(super) async fn rules_hash<S: RuleStore>(store: &S) -> Result<String> {
    let mut hash = RulesHash::default();
    let mut after = None;
    loop {
        let rules = store.rules(after.as_ref(), PAGE).await?;
        rules.iter().for_each(|rule| hash.add(rule));
        match rules.into_iter().last() {
            Some(rule) => after = Some(rule.key),
            None => return Ok(hash.finish()),
        }
    }
}

/// The machine's description for the server.
async fn describe<H: Host>(
    session: &Session<'_, H>,
    state: &SyncState,
) -> Result<PreflightRequest> {
    let machine = &session.options.machine;
    let counts = session.host.counts().await?;
    let own = machine.client_mode.unwrap_or(ClientMode::Monitor);
    let mode = machine.permitted(state.settings.client_mode.unwrap_or(own));
    Ok(PreflightRequest {
        serial_number: machine.serial_number.clone(),
        hostname: machine.hostname.clone(),
        os_version: machine.os_version.clone(),
        os_build: machine.os_build.clone(),
        model_identifier: machine.model_identifier.clone(),
        santa_version: machine.santa_version.clone(),
        primary_user: machine.primary_user.clone(),
        push_notification_token: machine.push_token.clone(),
        client_mode: Some(mode),
        request_clean_sync: state.requested.is_clean(),
        binary_rule_count: counts.binary,
        certificate_rule_count: counts.certificate,
        compiler_rule_count: counts.compiler,
        transitive_rule_count: counts.transitive,
        teamid_rule_count: counts.teamid,
        signingid_rule_count: counts.signingid,
        cdhash_rule_count: counts.cdhash,
        machine_id: session.options.connection.address.machine().into(),
        push_notification_sync: session.options.is_pushed,
        sip_status: 0,
        primary_user_groups: machine.primary_user_groups.clone(),
        rules_hash: rules_hash(session.host).await?,
    })
}

/// Sends the machine's description and evaluates the server's response.
pub(super) async fn step<H: Host>(session: &Session<'_, H>, state: &SyncState) -> Result<Plan> {
    let request = describe(session, state).await?;
    let stage = session.client.stage(Endpoint::Preflight);
    let response = stage.send(&request).await?;
    Ok(Plan::decide(state.requested, response))
}
