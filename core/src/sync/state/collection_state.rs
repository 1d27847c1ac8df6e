//! The stored state of one collection between two syncs (spec §5.1).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::text::read;
use crate::error::Result;
use crate::host::Store;
use crate::ids::CollectionName;
use crate::repository::{Pair, ServerMark};

/// The stored state of one collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CollectionState {
    /// The collection's sync ID.
    pub(crate) sync_id: Option<String>,
    /// The positions of the server's side and of the local side.
    pub(crate) pair: Pair<ServerMark, ()>,
    /// Whether to compare all records with the server's, because its time went back (spec §5.3).
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) is_comparing: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl CollectionState {
    /// Loads the state of a collection from a store. All of it describes the server: if it cannot be read it is
    /// discarded, and the next sync reads the collection again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(in crate::sync) async fn load<S: Store>(store: &S, name: &CollectionName) -> Result<Self> {
        Ok(read(store.state(name).await?.as_deref()))
    }
}
