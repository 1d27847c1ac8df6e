//! What a first sync would do, so that a person can agree to it first: it only reads, here and on the server.

use alloc::vec::Vec;

use super::options::{Options, Stage};
use super::read_account::{Look, ids_here, look_at_account, names};
use super::state::{Effect, FirstSync, Mode};
use super::token::KeptToken;
use crate::account::Credentials;
use crate::error::Result;
use crate::host::Host;
use crate::ids::CollectionName;
use crate::server::{PageEvent, Query};
use crate::time::ServerTime;

/// The effect of a first sync.
///
/// ```
/// use selvedge_core::sync::{FirstPreview, Mode};
///
/// let preview = FirstPreview { mode: Mode::Merge, fresh_start: false, collections: vec![] };
/// assert!(!preview.loses_anything() && preview.intent().collections.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstPreview {
    /// How the two sides would be combined.
    pub mode: Mode,
    /// The account would be set up, and all local records sent: its server has no records to take or to merge with.
    pub fresh_start: bool,
    /// The collections concerned, in the order of their turns.
    pub collections: Vec<FirstCollection>,
}

/// The effect of a first sync on one collection.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::{FirstCollection, Mode};
///
/// let (here, there) = (3, 5);
/// let notes = FirstCollection {
///     name: CollectionName::new("notes").unwrap(),
///     here,
///     there,
///     modified: None,
///     effect: Mode::TakeServer.effect(here, there, 1),
/// };
/// assert_eq!(notes.effect.deleted_here, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstCollection {
    /// Its name.
    pub name: CollectionName,
    /// The number of records here.
    pub here: u64,
    /// The number of records on the server, including deletions that it remembers.
    pub there: u64,
    /// When the server's collection was last changed, by its clock; `None` where the server has no such collection.
    pub modified: Option<ServerTime>,
    /// The effect on them.
    pub effect: Effect,
}

impl FirstPreview {
    /// Whether any record would be deleted, or one side's version of it.
    #[must_use]
    pub fn loses_anything(&self) -> bool {
        self.collections.iter().any(|collection| {
            let effect = collection.effect;
            effect.replaced + effect.deleted_here + effect.deleted_there > 0
        })
    }

    /// The action that the next sync performs once a person has agreed.
    #[must_use]
    pub fn intent(&self) -> FirstSync {
        FirstSync {
            mode: self.mode,
            collections: self
                .collections
                .iter()
                .map(|collection| collection.name.clone())
                .collect(),
            shown: self
                .collections
                .iter()
                .filter_map(|collection| Some((collection.name.clone(), collection.modified?)))
                .collect(),
        }
    }
}

/// Returns what a first sync would do with these collections, or with all that the account syncs or this device has.
/// Nothing is written, here or on the server; only a new token may be fetched.
///
/// Collections that are declined, or of a newer format, are omitted: a sync does not change them.
///
/// # Errors
/// Any error that would stop the sync before its collections.
pub async fn first_preview<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
    mode: Mode,
    chosen: Option<&[CollectionName]>,
) -> Result<FirstPreview> {
    let look = look_at_account(host, credentials, token, options).await?;
    let Look { session, account } = look;
    let account = account.for_first_sync()?;
    let meta = account.as_ref().map(|account| &account.meta);
    let mut preview = FirstPreview {
        mode,
        fresh_start: meta.is_none(),
        collections: Vec::new(),
    };
    for name in names(&session, meta, chosen).await? {
        (options.progress)(Stage::Collection(&name));
        let ids = ids_here(host, &name).await?;
        let here = ids.len() as u64;
        let (mut there, mut both) = (0, 0);
        if meta.is_some() && session.modified_of(name.as_str()).is_some() {
            let mut pages = session.client.pages(name.clone(), Query::ids());
            while let Some(mut arrived) = pages.next().await? {
                while let Some(event) = arrived.next()? {
                    if let PageEvent::Id(id) = event {
                        there += 1;
                        both += u64::from(id.is_ok_and(|id| ids.contains(id)));
                    }
                }
            }
        }
        // Setting the account up loses nothing here, whichever mode was requested.
        let effective = if meta.is_some() { mode } else { Mode::Merge };
        let effect = effective.effect(here, there, both);
        preview.collections.push(FirstCollection {
            modified: session.modified_of(name.as_str()),
            name,
            here,
            there,
            effect,
        });
    }
    Ok(preview)
}
