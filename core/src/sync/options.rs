//! What a sync is to do, and how it tells how far it is.

use alloc::string::String;
use alloc::vec::Vec;

use super::precheck::Situation;
use crate::engine::Generic;
use crate::ids::CollectionName;
use crate::metadata::OwnClient;
use crate::repository::Progress;

/// How far a sync is.
///
/// ```
/// use selvedge_core::sync::Stage;
///
/// assert_eq!(Stage::MetaGlobal, Stage::MetaGlobal);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage<'a> {
    /// Getting a token.
    Token,
    /// Asking what changed.
    InfoCollections,
    /// Whose data, in which format.
    MetaGlobal,
    /// With which keys.
    CryptoKeys,
    /// Which other devices, and what they ask of this one.
    Clients,
    /// Setting the account up.
    FreshStart,
    /// A collection begins.
    Collection(&'a CollectionName),
    /// Records of a collection have passed.
    Records {
        /// The collection.
        collection: &'a CollectionName,
        /// How many, which way.
        progress: Progress,
    },
}

/// What a sync is to do.
pub struct Options<'a> {
    /// The collections, in the order in which they have their turn: small and valuable ones first.
    pub engines: Vec<Generic>,
    /// What the host knows before anything is asked; `now`, `backoff` and `is_closed` are filled in by the sync.
    pub situation: Situation,
    /// What this device says of itself to the account's other devices.
    pub client: OwnClient,
    /// The product's name, for the server's operators; `None` where the host may not set it.
    pub user_agent: Option<String>,
    /// Told how far the sync is.
    pub progress: &'a dyn Fn(Stage<'_>),
}
