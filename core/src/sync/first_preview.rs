//! What a first sync would do, for a person to agree to before it is done: it only reads, here and there.

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

/// What a first sync would do.
///
/// ```
/// use selvedge_core::sync::{FirstPreview, Mode};
///
/// let preview = FirstPreview { mode: Mode::Merge, fresh_start: false, collections: vec![] };
/// assert!(!preview.loses_anything() && preview.intent().collections.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstPreview {
    /// How the two sides would come together.
    pub mode: Mode,
    /// The account would be set up, and all that is here sent: its server has nothing to take or to merge with.
    pub fresh_start: bool,
    /// The collections that it is about, in the order of their turns.
    pub collections: Vec<FirstCollection>,
}

/// What a first sync would do with one collection.
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
    /// How many records are here.
    pub here: u64,
    /// How many records the server has, deletions that it remembers among them.
    pub there: u64,
    /// When the server's collection was last changed, by its clock; `None` where it has none.
    pub modified: Option<ServerTime>,
    /// What would become of them.
    pub effect: Effect,
}

impl FirstPreview {
    /// Whether any record would be gone, or one side's version of it.
    #[must_use]
    pub fn loses_anything(&self) -> bool {
        self.collections.iter().any(|collection| {
            let effect = collection.effect;
            effect.replaced + effect.deleted_here + effect.deleted_there > 0
        })
    }

    /// What the next sync is to do once somebody has agreed.
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

/// Tells what a first sync would do with these collections, or with all that the account syncs or this device has.
/// Nothing is written, here or on the server; only a new token may be fetched.
///
/// Collections that are declined, or of a newer format, are left out: nothing is done with them.
///
/// # Errors
/// Whatever would stop the sync before its collections.
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
        // Setting the account up loses nothing here, whatever was asked for.
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
