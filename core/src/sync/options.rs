//! The options of a sync, and the report of its progress.

use alloc::boxed::Box;
use alloc::string::String;

use super::precheck::Situation;
use crate::engines::Engine;
use crate::ids::CollectionName;
use crate::metadata::OwnClient;
use crate::repository::Progress;

/// The progress of a sync.
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
    /// Requesting the list of changes.
    InfoCollections,
    /// Reading the owner and the format of the data.
    MetaGlobal,
    /// Reading the keys.
    CryptoKeys,
    /// Reading the other devices and their commands for this one.
    Clients,
    /// Setting the account up.
    FreshStart,
    /// A collection begins.
    Collection(&'a CollectionName),
    /// Records of a collection were transferred.
    Records {
        /// The collection.
        collection: &'a CollectionName,
        /// Their number and direction.
        progress: Progress,
    },
}

/// The options of a sync.
pub struct Options<'a> {
    /// The collections, in the order of processing: small and valuable ones first.
    pub engines: &'a [Box<dyn Engine>],
    /// What the host knows before any request; the sync fills in `now`, `backoff` and `is_closed`.
    pub situation: Situation,
    /// The properties of this device that it publishes to the account's other devices.
    pub client: OwnClient,
    /// The product's name, for the server's operators; `None` where the host may not set it.
    pub user_agent: Option<String>,
    /// Called with the progress of the sync.
    pub progress: &'a dyn Fn(Stage<'_>),
}
