//! The stored state of the account as a whole between two syncs (spec §4.1).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::device_state::DeviceState;
use super::server_view::{Cached, ServerView};
use super::text::{read, write};
use crate::error::Result;
use crate::host::{Commit, Store, StoreError, StoreErrorKind};
use crate::json;

/// The format that this release writes. Release 0.1.0 wrote all members in one object, without a format.
const FORMAT: u32 = 1;

/// The stored state of the account as a whole.
///
/// ```
/// use selvedge_core::host::MemoryStore;
/// use selvedge_core::sync::GlobalState;
///
/// let state = pollster::block_on(GlobalState::load(&MemoryStore::default()))?;
/// assert_eq!(state, GlobalState::default());
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GlobalState {
    /// The known state of the server.
    pub server: ServerView,
    /// The state that this device keeps regardless of the server.
    pub device: DeviceState,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    server: &'a ServerView,
    device: &'a DeviceState,
}

#[derive(Deserialize)]
struct Format {
    format: Option<u32>,
}

#[derive(Deserialize)]
struct Device {
    device: DeviceState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Server {
    server: ServerView,
}

fn damaged(detail: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged, detail)
}

impl GlobalState {
    /// Loads the state from a store.
    ///
    /// # Errors
    /// When the store cannot be read, or the stored choices of this device cannot be read.
    pub async fn load<S: Store>(store: &S) -> Result<Self> {
        Self::from_text(store.global().await?.as_deref())
    }

    /// Parses the stored text. A view of the server that cannot be read is discarded, because a sync reads it again; a
    /// device's state that cannot be read is an error.
    fn from_text(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let unreadable = |_| damaged("the state of this device's sync cannot be read");
        let Format { format } = json::from_str(text).map_err(unreadable)?;
        match format {
            None => Ok(Self {
                server: read(Some(text)),
                device: json::from_str(text).map_err(unreadable)?,
            }),
            Some(FORMAT) => {
                let Device { device } = json::from_str(text).map_err(unreadable)?;
                let Server { server } = read(Some(text));
                Ok(Self { server, device })
            }
            Some(_) => Err(damaged(
                "the state of this device's sync was written by a newer release: upgrade the program",
            )
            .into()),
        }
    }

    /// The text to store.
    pub(in crate::sync) fn to_text(&self) -> String {
        write(&Written {
            format: FORMAT,
            server: &self.server,
            device: &self.device,
        })
    }

    /// Stores the state.
    pub(in crate::sync) async fn save<S: Store>(&self, store: &S) -> Result<()> {
        // A commit without parts is never stale.
        let _done = store
            .commit(Commit {
                parts: Vec::new(),
                global: Some(self.to_text()),
            })
            .await?;
        Ok(())
    }

    /// Uses other keys from now on, or none, and remembers the former ones.
    pub(in crate::sync) fn replace_keys(&mut self, keys: Option<Cached>) {
        if let Some(old) = core::mem::replace(&mut self.server.keys, keys) {
            let current = self.server.keys.as_ref().map(|keys| keys.payload.as_str());
            self.device.remember_keys(old.payload, current);
        }
    }
}

#[cfg(test)]
mod tests;
