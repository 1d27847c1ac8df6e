//! The preflight request of this machine, as a sync would send it.

use selvedge_santa::wire::{ClientMode, PreflightRequest};
use selvedge_santa::{Connection, RuleCounts, RuleStore as _, RulesHash, SyncState};

use crate::config::Config;
use crate::host_info::HostInfo;
use crate::store::SantaStore;

/// Creates the preflight request.
pub(super) async fn request(
    config: &Config,
    connection: &Connection,
    host_info: &HostInfo,
    store: Option<&SantaStore>,
) -> PreflightRequest {
    let machine = config.machine(connection.address.machine(), host_info);
    let (counts, rules_hash) = match store {
        Some(store) => counts_and_hash(&store.clone().with_configured(&config.static_rules)).await,
        None => (RuleCounts::default(), RulesHash::default().finish()),
    };
    PreflightRequest {
        serial_number: machine.serial_number,
        hostname: machine.hostname,
        os_version: machine.os_version,
        os_build: machine.os_build,
        model_identifier: machine.model_identifier,
        santa_version: machine.santa_version,
        primary_user: machine.primary_user,
        primary_user_groups: machine.primary_user_groups,
        client_mode: Some(mode(config, store).await),
        binary_rule_count: counts.binary,
        certificate_rule_count: counts.certificate,
        compiler_rule_count: counts.compiler,
        transitive_rule_count: counts.transitive,
        teamid_rule_count: counts.teamid,
        signingid_rule_count: counts.signingid,
        cdhash_rule_count: counts.cdhash,
        machine_id: connection.address.machine().into(),
        rules_hash,
        ..PreflightRequest::default()
    }
}

/// The mode that a sync reports: the server's, else the configuration's.
async fn mode(config: &Config, store: Option<&SantaStore>) -> ClientMode {
    let state = match store {
        Some(store) => SyncState::load(store).await.ok(),
        None => None,
    };
    let set = state.and_then(|state| state.settings.client_mode);
    match set.or(config.own.client_mode) {
        Some(ClientMode::Standalone) if !config.allows_standalone => ClientMode::Lockdown,
        Some(mode) => mode,
        None => ClientMode::Monitor,
    }
}

/// The counts and the hash of a store's rules. Errors are ignored, because every other command reports them.
async fn counts_and_hash(store: &SantaStore) -> (RuleCounts, String) {
    let mut hash = RulesHash::default();
    let mut after = None;
    while let Ok(page) = store.rules(after.as_ref(), 500).await {
        page.iter().for_each(|rule| hash.add(rule));
        match page.into_iter().last() {
            Some(rule) => after = Some(rule.key),
            None => break,
        }
    }
    (store.counts().await.unwrap_or_default(), hash.finish())
}
