//! What a sync would do, without doing it: it only reads, here and there.

use alloc::string::String;
use alloc::vec::Vec;

use super::association::Association;
use super::crypto_keys::CollectionKeys;
use super::meta_global::{MetaGlobal, Seen, Verdict};
use super::ownership;
use super::selection::{apply, select_in};
use super::session::Session;
use super::state::{CachedInfo, CollectionState, GlobalState, read};
use super::sync::{Options, Stage};
use super::token::{self, KeptToken};
use crate::account::Credentials;
use crate::engine::{Engine, Generic};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ids::CollectionName;
use crate::repository::{CryptoRepository, Repository, ServerMark, ServerRepository};
use crate::server::{Conditional, Traffic};

/// What a sync would do.
///
/// ```
/// use selvedge_core::life::Preview;
///
/// assert!(!Preview::default().fresh_start);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// The account would be set up: all that the server has of it would be deleted there.
    pub fresh_start: bool,
    /// Collections that would be deleted on the server, because they were disabled here.
    pub wipes_there: Vec<CollectionName>,
    /// The collections, in the order of their turns.
    pub collections: Vec<CollectionPreview>,
}

/// What a sync would do with one collection.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::life::{Association, CollectionPreview};
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
    /// What its entry in meta/global means.
    pub association: Association,
    /// How many records would be fetched.
    pub incoming: u64,
    /// How many records wait to be sent; merging may add to them.
    pub outgoing: u64,
}

/// Tells what a sync would do. Nothing is written, here or on the server; only a new token may be fetched.
///
/// # Errors
/// Whatever would stop the sync before its collections.
pub async fn preview<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
) -> Result<Preview> {
    let Look { session, account } = look_at_account(host, credentials, token, options).await?;
    let Some(mut account) = account else {
        return fresh_start(&session).await;
    };
    let selection = select_in(&account.meta, &session.state.choices);
    apply(&selection, &mut account.meta, host)?;
    let mut preview = Preview {
        wipes_there: selection.wipe_server,
        ..Preview::default()
    };
    preview
        .wipes_there
        .retain(|name| session.modified_of(name.as_str()).is_some());
    for engine in &options.engines {
        (options.progress)(Stage::Collection(engine.collection()));
        preview
            .collections
            .push(look_at(&session, engine, &account).await?);
    }
    Ok(preview)
}

/// An account as a preview finds it.
pub(super) struct Look<'a, H: Host> {
    pub(super) session: Session<'a, H>,
    /// `None` for a fresh start.
    pub(super) account: Option<Account>,
}

/// What an account has that is set up.
pub(super) struct Account {
    pub(super) meta: MetaGlobal,
    keys: CollectionKeys,
    /// Whether it is the one that was synced with before.
    is_known: bool,
}

/// Reads what concerns the whole account.
pub(super) async fn look_at_account<'a, H: Host>(
    host: &'a H,
    credentials: &'a Credentials,
    token: &mut Option<KeptToken>,
    options: &'a Options<'a>,
) -> Result<Look<'a, H>> {
    let mut state: GlobalState = read(host.global().await?.as_deref());
    if !ownership::judge(&state, credentials).may_sync() {
        return Err(Error::OtherAccount);
    }
    let access = token::step(
        host,
        credentials,
        token,
        token::Attempt::First,
        options,
        &mut state,
        &mut Traffic::default(),
    )
    .await?;
    let is_reassigned = token::judge(&state, &access, credentials) == token::Node::Reassigned;
    let mut session = Session::new(host, access, credentials, options, state);
    (options.progress)(Stage::InfoCollections);
    if let Conditional::Changed {
        value,
        last_modified,
    } = session.client.info_collections(None).await?
    {
        session.state.info = Some(CachedInfo::new(&value, last_modified));
    }
    let Some((meta, is_known)) = look_at_meta_global(&session).await? else {
        return Ok(Look {
            session,
            account: None,
        });
    };
    let account = match session.get("crypto", "keys").await? {
        None => None,
        Some(keys) => Some(Account {
            meta,
            keys: CollectionKeys::open(session.sync_key, &keys.payload)?,
            is_known: is_known && !is_reassigned,
        }),
    };
    Ok(Look { session, account })
}

/// meta/global, and whether its sync ID is the one that was synced with; `None` for a fresh start.
async fn look_at_meta_global<H: Host>(
    session: &Session<'_, H>,
) -> Result<Option<(MetaGlobal, bool)>> {
    let record = session.get("meta", "global").await?;
    let seen = record
        .as_ref()
        .map_or(Seen::Missing, |record| Seen::Payload(&record.payload));
    match MetaGlobal::judge(seen, session.state.sync_id.as_deref()) {
        Verdict::Proceed(meta) => Ok(Some((meta, true))),
        Verdict::ResetAllAndAdopt(meta) => Ok(Some((meta, false))),
        Verdict::FreshStart => Ok(None),
        Verdict::UpgradeRequired { server } => Err(Error::UpgradeNeeded { server }),
        Verdict::StopUndecodable | Verdict::AuthFailure | Verdict::StopRetryLater => {
            Err(Error::Undecodable {
                record: "meta/global",
            })
        }
    }
}

/// Everything here would be sent to an empty server.
async fn fresh_start<H: Host>(session: &Session<'_, H>) -> Result<Preview> {
    let mut preview = Preview {
        fresh_start: true,
        ..Preview::default()
    };
    for engine in &session.options.engines {
        let name = engine.collection().clone();
        let outgoing = session.host.counts(&name).await?.live;
        let association = Association::ResetLocalAndAdopt { sync_id: None };
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
    engine: &Generic,
    account: &Account,
) -> Result<CollectionPreview> {
    let Account {
        meta,
        keys,
        is_known,
    } = account;
    let name = engine.collection();
    let state: CollectionState = read(session.host.state(name).await?.as_deref());
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
    let mark = match &association {
        Association::Proceed => Some(state.pair.remote),
        Association::ResetLocalAndAdopt { .. } | Association::WipeServerCollectionAndNewSyncId => {
            Some(ServerMark::default())
        }
        Association::OutOfDate { .. } | Association::Declined => None,
    };
    let has_news = |mark: &ServerMark| {
        session
            .modified_of(name.as_str())
            .is_some_and(|time| time > mark.last_sync)
    };
    let outgoing = match (&association, &mark) {
        (_, None) => 0,
        (Association::Proceed, _) => counts.pending,
        _ => counts.live,
    };
    let incoming = match mark.filter(has_news) {
        None => 0,
        Some(mark) => {
            let bundle = keys.bundle(name.as_str());
            let server =
                ServerRepository::new(&session.client, name, &session.limits, mark.last_sync);
            let cbc = session.host.cbc(bundle.encryption_key());
            let remote = CryptoRepository::new(server, bundle, cbc, session.host, None);
            remote.guids_since(&mark).await?.len() as u64
        }
    };
    Ok(CollectionPreview {
        name: name.clone(),
        association,
        incoming,
        outgoing,
    })
}
