//! The sequence of steps: one sync from the precheck to the last upload of meta/global.

use super::clients;
use super::consent::{Agreement, Consent, Remedy};
use super::engines::{self, Turns};
use super::error_policy::{Place, REFUSED_SECONDS, Reach, reach};
use super::info_collections::{self, Course};
use super::options::{Options, Stage};
use super::precheck::{Situation, precheck};
use super::recovery;
use super::report::{Ending, Report};
use super::session::Session;
use super::state::GlobalState;
use super::token::{self, Attempt, KeptToken};
use super::{commands, crypto_keys, first_sync, fresh_start, meta_global, ownership, selection};
use crate::account::Credentials;
use crate::error::{Error, Reason, Result};
use crate::host::Host;
use crate::journal;
use crate::server::Backoff;
use crate::time::LocalTime;

/// Interval at which expired entries are removed from the journal, in milliseconds.
const PRUNE_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Maximum number of attempts of a sync when a record of the whole account changes during it.
const ATTEMPTS: u32 = 3;

/// Syncs once. `token` is the storage token of the last sync, if the host kept it; it is replaced when a new one is
/// fetched, for the host to keep.
///
/// Nothing is lost when it is interrupted at any moment: the next sync continues from the last commit.
pub async fn sync<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
) -> Report {
    run(host, credentials, token, options, None).await
}

/// Syncs once, and repairs the account as a person agreed to after seeing `consent`, which an earlier sync or
/// [`assess`](super::assess) returned. If the server's state has changed since, nothing is deleted, and the report asks
/// again.
pub async fn reinitialize<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
    consent: Consent,
    remedy: Remedy,
) -> Report {
    let agreement = Agreement { consent, remedy };
    run(host, credentials, token, options, Some(&agreement)).await
}

async fn run<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
    agreement: Option<&Agreement>,
) -> Report {
    let started = host.now();
    let mut report = Report::default();
    report.ending = begin(host, credentials, token, options, agreement, &mut report)
        .await
        .unwrap_or_else(Ending::Stopped);
    report.millis = host.now().millis().saturating_sub(started.millis());
    report
}

async fn begin<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
    agreement: Option<&Agreement>,
    report: &mut Report,
) -> Result<Ending> {
    ownership::bind(host, credentials).await?;
    let state = GlobalState::load(host).await?;
    report.backoff = state.device.backoff;
    let situation = Situation {
        now: host.now(),
        backoff: state.device.backoff,
        is_closed: state.device.closed.as_deref() == Some(credentials.server()),
        ..options.situation
    };
    if let Err(obstacle) = precheck(&situation) {
        return Ok(Ending::Blocked(obstacle));
    }
    let mut result = with_token(
        host,
        credentials,
        token,
        Attempt::First,
        options,
        agreement,
        report,
    )
    .await;
    let is_void = |result: &Result<_>| matches!(result, Err(error) if reach(error, Place::Account) == Reach::Token);
    if is_void(&result) && token::can_renew(credentials) {
        *token = None;
        result = with_token(
            host,
            credentials,
            token,
            Attempt::AfterRefusal,
            options,
            agreement,
            report,
        )
        .await;
    }
    note_closure(host, credentials, &result).await?;
    if is_void(&result) {
        let soft = Some(host.now().plus_seconds(REFUSED_SECONDS));
        let mut state = GlobalState::load(host).await?;
        state.device.backoff.merge(Backoff { soft, hard: None });
        state.device.refused_until = soft;
        report.backoff = state.device.backoff;
        state.save(host).await?;
    }
    result
}

/// Remembers a server that is closed permanently, until a sync with it completes.
async fn note_closure<H: Host>(
    host: &H,
    credentials: &Credentials,
    result: &Result<Ending>,
) -> Result<()> {
    let closed = match result {
        Err(Error::ServiceClosed) => Some(credentials.server().into()),
        Ok(_) => None,
        // Other errors do not show whether the server is closed.
        Err(_) => return Ok(()),
    };
    let mut state = GlobalState::load(host).await?;
    if state.device.closed == closed {
        return Ok(());
    }
    state.device.closed = closed;
    state.save(host).await
}

async fn with_token<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    attempt: Attempt,
    options: &Options<'_>,
    agreement: Option<&Agreement>,
    report: &mut Report,
) -> Result<Ending> {
    let mut state = GlobalState::load(host).await?;
    let access = match token::step(
        host,
        credentials,
        token,
        attempt,
        options,
        &mut state,
        &mut report.traffic,
    )
    .await
    {
        Ok(access) => access,
        Err(error) => {
            report.backoff = state.device.backoff;
            state.save(host).await?;
            return Err(error);
        }
    };
    let mut session = Session::new(host, access.clone(), credentials, options, state);
    session.agreement = agreement.cloned();
    let result = match token::adopt(&mut session, credentials, &access).await {
        Ok(()) => steps(&mut session, report).await,
        Err(error) => Err(error),
    };
    let observed = session.client.observed();
    session.state.device.backoff.merge(observed.backoff);
    if matches!(&result, Ok(ending) if !matches!(ending, Ending::NeedsConsent(_))) {
        session.state.device.last_sync = Some(host.now());
    }
    report.backoff = session.state.device.backoff;
    report.traffic.add(observed.traffic);
    report.alerts.extend(observed.alerts);
    let now = host.now();
    let has_replaced = report
        .collections
        .iter()
        .any(|done| done.pulled.replaced > 0)
        || !report.commands.is_empty()
        || !report.wiped_here.is_empty();
    let is_due = |last: LocalTime| now.millis().abs_diff(last.millis()) >= PRUNE_MILLIS;
    if has_replaced || session.state.device.journal_pruned.is_none_or(is_due) {
        journal::prune(host, now).await?;
        session.state.device.journal_pruned = Some(now);
    }
    session.save().await.and(result)
}

/// Runs through the steps until they end; a conflict over a record of the whole account restarts them.
async fn steps<H: Host>(session: &mut Session<'_, H>, report: &mut Report) -> Result<Ending> {
    let mut attempt = 1;
    loop {
        match pass(session, report).await {
            Ok(Pass::Ended(ending)) => return Ok(ending),
            Ok(Pass::BeginAgain) => {}
            Err(error) if reach(&error, Place::Account) == Reach::Again && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The result of a run through the steps.
enum Pass {
    Ended(Ending),
    /// The data that the first steps read has changed: by a fresh start, by another client's command, or because the
    /// keys were replaced.
    BeginAgain,
}

/// The state of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// It is set up, and its keys are installed.
    SetUp,
    /// It is empty.
    Empty,
    /// Only a person may decide how to continue.
    NeedsConsent(Reason),
}

/// Reads the records of the whole account.
async fn account<H: Host>(session: &mut Session<'_, H>) -> Result<Account> {
    (session.options.progress)(Stage::MetaGlobal);
    match meta_global::step(session).await? {
        meta_global::Next::CryptoKeys => {}
        meta_global::Next::FreshStart => return Ok(Account::Empty),
        meta_global::Next::NeedsConsent(reason) => return Ok(Account::NeedsConsent(reason)),
    }
    (session.options.progress)(Stage::CryptoKeys);
    Ok(match crypto_keys::step(session).await? {
        crypto_keys::Next::Engines => Account::SetUp,
        crypto_keys::Next::NeedsConsent(reason) => Account::NeedsConsent(reason),
    })
}

/// The steps in their order.
async fn pass<H: Host>(session: &mut Session<'_, H>, report: &mut Report) -> Result<Pass> {
    let progress = session.options.progress;
    progress(Stage::InfoCollections);
    if info_collections::step(session).await? == Course::NothingToDo {
        return Ok(Pass::Ended(match report.collections.is_empty() {
            true => Ending::NothingToDo,
            false => Ending::Done,
        }));
    }
    let account = account(session).await;
    let reason = match &account {
        Ok(Account::NeedsConsent(reason)) => Some(*reason),
        // A person may have agreed to resolve the error that stops the sync.
        Err(error) if session.agreement.is_some() => Reason::of(error),
        _ => None,
    };
    if let Some(reason) = reason {
        return Ok(match recovery::step(session, reason, report).await? {
            recovery::Answer::Ask(ending) => Pass::Ended(ending),
            recovery::Answer::Done => Pass::BeginAgain,
        });
    }
    if account? == Account::Empty {
        if report.fresh_start {
            return Err(Error::SetupRace);
        }
        report.fresh_start = true;
        progress(Stage::FreshStart);
        fresh_start::step(session, None).await?;
        return Ok(Pass::BeginAgain);
    }
    session.end_doubts();
    progress(Stage::Clients);
    let found = clients::step(session, &mut report.clients).await?;
    first_sync::step(session, report).await?;
    if let clients::Found::Inbox(inbox) = found {
        match commands::step(session, &inbox, report).await? {
            commands::Next::GoOn => {}
            commands::Next::BeginAgain => return Ok(Pass::BeginAgain),
            commands::Next::LoggedOut => return Ok(Pass::Ended(Ending::LoggedOut)),
        }
    }
    let selection = selection::step(session).await?;
    let ready = engines::associate(session, &mut report.collections).await?;
    meta_global::upload(session).await?;
    selection::settle(session, &selection, report).await?;
    Ok(
        match engines::synchronize(session, &ready, &mut report.collections).await? {
            Turns::Done => Pass::Ended(Ending::Done),
            Turns::CutShort => Pass::Ended(Ending::CutShort),
            Turns::KeysChanged => Pass::BeginAgain,
        },
    )
}
