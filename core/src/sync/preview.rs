//! The preview of a sync: it only reads, here and on the server.

use alloc::string::String;
use alloc::vec::Vec;

use super::association::Association;
use super::choices::turn;
use super::consent::Consent;
use super::fetch::Fetch;
use super::options::{Options, Stage};
use super::read_account::{
    Account, Look, Standing, ids_here, look_at_account, look_at_info, names, stands,
};
use super::recovery::describe;
use super::selection::{apply, select_in};
use super::session::Session;
use super::state::CollectionState;
use super::token::KeptToken;
use crate::account::Credentials;
use crate::engines::{Engine, Generic};
use crate::error::{Reason, Result};
use crate::host::Host;
use crate::ids::CollectionName;
use crate::repository::{CryptoRepository, Repository, ServerMark, ServerRepository};

/// The effect of a sync.
///
/// ```
/// use selvedge_core::sync::Preview;
///
/// assert!(!Preview::default().fresh_start);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// The account is empty and would be set up.
    pub fresh_start: bool,
    /// The sync would stop, because only a person may decide how to continue.
    pub needs_consent: Option<Consent>,
    /// Collections that would be deleted on the server, because they were disabled here.
    pub wipes_there: Vec<CollectionName>,
    /// The collections, in the order of their turns.
    pub collections: Vec<CollectionPreview>,
}

/// The effect of a sync on one collection.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::{Association, CollectionPreview};
///
/// let notes = CollectionPreview {
///     name: CollectionName::new("notes").unwrap(),
///     association: Association::Proceed,
///     incoming: 3,
///     outgoing: 1,
/// };
/// assert_eq!(notes.association, Association::Proceed);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionPreview {
    /// Its name.
    pub name: CollectionName,
    /// The decision on its entry in meta/global.
    pub association: Association,
    /// The number of records that would be fetched.
    pub incoming: u64,
    /// The number of records that would be sent because the server does not have them or they changed here; merging may
    /// add to them.
    pub outgoing: u64,
}

/// Returns the effect of a sync. Nothing is written, here or on the server; only a new token may be fetched.
///
/// # Errors
/// Any error that would stop the sync before its collections.
pub async fn preview<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
) -> Result<Preview> {
    preview_engines(host, credentials, token, options, Scope::Engines).await
}

/// Returns the effect of a sync of the whole account: with the given engines, and with all other collections that the
/// account syncs and this device does not know yet, as before its first sync.
///
/// # Errors
/// As [`preview`].
pub async fn preview_account<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
) -> Result<Preview> {
    preview_engines(host, credentials, token, options, Scope::Account).await
}

/// The scope of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The given engines.
    Engines,
    /// The given engines, and all that the account syncs.
    Account,
}

async fn preview_engines<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
    scope: Scope,
) -> Result<Preview> {
    let Look {
        mut session,
        account,
    } = look_at_account(host, credentials, token, options).await?;
    let mut account = match account {
        Standing::SetUp(account) => account,
        Standing::Empty => return fresh_start(&session).await,
        Standing::NeedsConsent(reason) => {
            return Ok(Preview {
                needs_consent: Some(describe(&mut session, reason).await?),
                ..Preview::default()
            });
        }
    };
    let selection = select_in(&account.meta, &session.state.device.choices);
    apply(&selection, &mut account.meta, host)?;
    let mut preview = Preview {
        wipes_there: selection.wipe_server,
        ..Preview::default()
    };
    preview.wipes_there.retain(|name| {
        let there = session.modified_of(name.as_str());
        there.is_some() && session.state.device.choices.agreed.get(name).copied() == there
    });
    let unlisted: Vec<Generic>;
    let mut engines: Vec<&dyn Engine> = options.engines.iter().map(AsRef::as_ref).collect();
    if scope == Scope::Account {
        let mut names = names(&session, Some(&account.meta), None).await?;
        names.retain(|name| !engines.iter().any(|engine| engine.collection() == name));
        unlisted = names.into_iter().map(Generic::new).collect::<Result<_>>()?;
        engines.extend(unlisted.iter().map(|engine| engine as &dyn Engine));
        engines.sort_by_key(|engine| turn(engine.collection().as_str()));
    }
    for engine in engines {
        (options.progress)(Stage::Collection(engine.collection()));
        preview
            .collections
            .push(look_at(&session, engine, &account).await?);
    }
    Ok(preview)
}

/// The data that a person has to agree to before this account can be set up again; `None` when it is in order or empty,
/// so that no agreement is needed. Nothing is written, here or on the server; only a new token may be fetched.
///
/// # Errors
/// Any error that would stop a sync before its collections, and that setting the account up again does not fix.
pub async fn assess<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
) -> Result<Option<Consent>> {
    let (mut session, is_reassigned) = look_at_info(host, credentials, token, options).await?;
    let reason = match stands(&session, is_reassigned).await {
        Ok(Standing::SetUp(_) | Standing::Empty) => return Ok(None),
        Ok(Standing::NeedsConsent(reason)) => reason,
        Err(error) => Reason::of(&error).ok_or(error)?,
    };
    Ok(Some(describe(&mut session, reason).await?))
}

/// Everything here would be sent to an empty server.
async fn fresh_start<H: Host>(session: &Session<'_, H>) -> Result<Preview> {
    let mut preview = Preview {
        fresh_start: true,
        ..Preview::default()
    };
    for engine in session.options.engines {
        let name = engine.collection().clone();
        let outgoing = session.host.counts(&name).await?.live;
        let association = Association::MergeAndAdopt;
        preview.collections.push(CollectionPreview {
            name,
            association,
            incoming: 0,
            outgoing,
        });
    }
    Ok(preview)
}

async fn look_at<H: Host>(
    session: &Session<'_, H>,
    engine: &dyn Engine,
    account: &Account,
) -> Result<CollectionPreview> {
    let Account {
        meta,
        keys,
        is_known,
    } = account;
    let name = engine.collection();
    let state = CollectionState::load(session.host, name).await?;
    let sync_id: Option<&String> = state.sync_id.as_ref().filter(|_| *is_known);
    let entry = meta.engine(name.as_str());
    let is_declined = meta.is_declined(name.as_str());
    let association = Association::judge(
        engine.version(),
        sync_id.map(String::as_str),
        entry.as_ref(),
        is_declined,
    );
    let counts = session.host.counts(name).await?;
    let in_info = session.modified_of(name.as_str());
    let mark = match &association {
        Association::Proceed => {
            match Fetch::decide(&state, in_info, session.client.latest_believable()) {
                Fetch::Nothing | Fetch::Newer => Some(state.pair.remote),
                Fetch::Compare => Some(ServerMark::default()),
            }
        }
        Association::ResetLocalAndAdopt { .. } | Association::MergeAndAdopt => {
            Some(ServerMark::default())
        }
        Association::OutOfDate { .. } | Association::Unreadable | Association::Declined => None,
    };
    let has_news = |mark: &ServerMark| in_info.is_some_and(|time| time > mark.last_sync);
    let is_read = mark.is_some();
    let incoming = match mark.filter(has_news) {
        None => Vec::new(),
        Some(mark) => {
            let bundle = keys.bundle(name.as_str())?;
            let server =
                ServerRepository::new(&session.client, name, &session.limits, mark.last_sync);
            let cbc = session.host.cbc(bundle.encryption_key());
            let remote = CryptoRepository::new(server, bundle, cbc, session.host, None);
            remote.guids_since(&mark).await?
        }
    };
    let outgoing = match &association {
        _ if !is_read => 0,
        Association::Proceed => counts.pending,
        Association::ResetLocalAndAdopt { .. } | Association::MergeAndAdopt
            if !incoming.is_empty() =>
        {
            // Records that both sides have are merged, and not sent if they are the same.
            let mut ids = ids_here(session.host, name).await?;
            for id in &incoming {
                ids.remove(id);
            }
            ids.len() as u64
        }
        _ => counts.live,
    };
    Ok(CollectionPreview {
        name: name.clone(),
        association,
        incoming: incoming.len() as u64,
        outgoing,
    })
}
