//! Reads the data of the whole account and writes nothing, for the previews.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::association::is_closed;
use super::choices::turn;
use super::crypto_keys::{self, Found};
use super::options::{Options, Stage};
use super::ownership;
use super::session::Session;
use super::state::{CachedInfo, GlobalState, ServerView};
use super::token::{self, KeptToken};
use crate::account::Credentials;
use crate::engines::Generic;
use crate::error::{Error, Reason, Result};
use crate::host::{Host, PageLimit, Selection, Store};
use crate::ids::{CollectionName, RecordId};
use crate::journal;
use crate::metadata::{CollectionKeys, MetaGlobal, Seen, Verdict};
use crate::server::{Conditional, Traffic};

/// An account as a preview reads it.
pub(super) struct Look<'a, H: Host> {
    pub(super) session: Session<'a, H>,
    pub(super) account: Standing,
}

/// The state of an account.
pub(super) enum Standing {
    /// It is set up.
    SetUp(Account),
    /// It is empty: a sync sets it up.
    Empty,
    /// Only a person may decide how to continue.
    NeedsConsent(Reason),
}

impl Standing {
    /// The account that a first sync is to combine with this device; `None` where it is empty.
    ///
    /// # Errors
    /// [`Error::Undecodable`], [`Error::WrongKey`] or [`Error::Contradiction`] when the account must be repaired first.
    pub(super) fn for_first_sync(self) -> Result<Option<Account>> {
        match self {
            Self::SetUp(account) => Ok(Some(account)),
            Self::Empty => Ok(None),
            Self::NeedsConsent(reason) => Err(Error::NeedsConsent { reason }),
        }
    }
}

/// The data of an account that is set up.
pub(super) struct Account {
    pub(super) meta: MetaGlobal,
    pub(super) keys: CollectionKeys,
    /// Whether it is the account that was synced with before.
    pub(super) is_known: bool,
}

/// Reads the data of the whole account.
pub(super) async fn look_at_account<'a, H: Host>(
    host: &'a H,
    credentials: &'a Credentials,
    token: &mut Option<KeptToken>,
    options: &'a Options<'a>,
) -> Result<Look<'a, H>> {
    let (session, is_reassigned) = look_at_info(host, credentials, token, options).await?;
    let account = stands(&session, is_reassigned).await?;
    Ok(Look { session, account })
}

/// Reads the list of collections. Also returns whether the server differs from the one that was synced with.
pub(super) async fn look_at_info<'a, H: Host>(
    host: &'a H,
    credentials: &'a Credentials,
    token: &mut Option<KeptToken>,
    options: &'a Options<'a>,
) -> Result<(Session<'a, H>, bool)> {
    let mut state = GlobalState::load(host).await?;
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
        session.state.server.info = Some(CachedInfo::new(&value, last_modified));
    }
    Ok((session, is_reassigned))
}

/// Judges meta/global and crypto/keys, without a second request for missing records.
pub(super) async fn stands<H: Host>(
    session: &Session<'_, H>,
    is_reassigned: bool,
) -> Result<Standing> {
    let record = session.get("meta", "global").await?;
    let seen = record
        .as_ref()
        .map_or(Seen::Missing, |record| Seen::Payload(&record.payload));
    let known = session.state.server.sync_id.as_deref();
    let (meta, is_known) = match MetaGlobal::judge(session.listed(), seen, known) {
        Verdict::Proceed(meta) => (meta, true),
        Verdict::ResetAllAndAdopt(meta) => (meta, false),
        Verdict::FreshStart => return Ok(Standing::Empty),
        Verdict::NeedsConsent(None) => return Ok(Standing::NeedsConsent(Reason::MetaMissing)),
        Verdict::NeedsConsent(Some(_)) => return Ok(Standing::NeedsConsent(Reason::OlderFormat)),
        other => return Err(other.into_error()),
    };
    let keys = match crypto_keys::find(session).await? {
        Found::Record(record) => CollectionKeys::open(session.sync_key, &record.payload)?,
        // A sync would make keys: no existing record needs any.
        Found::ToBeMade => CollectionKeys::make(session.host)?,
        Found::NeedsConsent => return Ok(Standing::NeedsConsent(Reason::KeysMissing)),
    };
    Ok(Standing::SetUp(Account {
        meta,
        keys,
        is_known: is_known && !is_reassigned,
    }))
}

/// The collections to preview, in the order of their turns.
pub(super) async fn names<H: Host>(
    session: &Session<'_, H>,
    meta: Option<&MetaGlobal>,
    chosen: Option<&[CollectionName]>,
) -> Result<Vec<CollectionName>> {
    let mut names: BTreeSet<CollectionName> = match chosen {
        Some(chosen) => chosen.iter().cloned().collect(),
        None => {
            let ServerView { info, .. } = &session.state.server;
            let there = info.iter().flat_map(|info| info.collections.keys());
            let is_listed = |name: &&CollectionName| {
                meta.is_some_and(|meta| meta.engine(name.as_str()).is_some())
            };
            let here = journal::collections(session.host).await?;
            there.filter(is_listed).cloned().chain(here).collect()
        }
    };
    names.retain(|name| {
        Generic::new(name.clone()).is_ok() && !meta.is_some_and(|meta| is_closed(meta, name))
    });
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|name| turn(name.as_str()));
    Ok(names)
}

pub(super) async fn ids_here<S: Store>(
    store: &S,
    name: &CollectionName,
) -> Result<BTreeSet<RecordId>> {
    let mut ids = BTreeSet::new();
    let mut after = None;
    loop {
        let page = store
            .page(name, Selection::Live, after.as_ref(), PageLimit::default())
            .await?;
        let Some(last) = page.last() else {
            return Ok(ids);
        };
        after = Some(last.item.id.clone());
        ids.extend(page.into_iter().map(|stored| stored.item.id));
    }
}
