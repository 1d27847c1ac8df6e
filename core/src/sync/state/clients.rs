//! The stored state of the account's clients between two syncs.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::Guid;
use crate::json::Object;
use crate::metadata::{ClientRecord, KnownClient, OwnClient};
use crate::time::{LocalTime, ServerTime};

/// Maximum number of clients remembered; the newest are kept.
const MAX_CLIENTS: usize = 100;

/// The stored state of the account's clients, including this one.
///
/// ```
/// use selvedge_core::sync::ClientsState;
///
/// assert!(ClientsState::default().id.is_none(), "the first sync draws one");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientsState {
    /// This device's id, generated once and kept permanently.
    pub id: Option<Guid>,
    /// The collection's sync ID.
    pub sync_id: Option<String>,
    /// The collection's time when it was last read, or written by this device directly afterwards.
    pub seen: Option<ServerTime>,
    /// The account's clients as they were then, including this one, at most a hundred.
    pub known: Vec<KnownClient>,
    /// Members of this device's record on the server that this program does not write itself.
    pub others: Object,
    /// The properties that this device last uploaded.
    pub uploaded: Option<OwnClient>,
    /// The time of that upload.
    pub uploaded_at: Option<LocalTime>,
    /// Digests of the commands that this device has carried out and that may still be in its record.
    pub executed: Vec<String>,
}

impl ClientsState {
    /// Discards the state of the server. The id and the list of executed commands stay.
    pub(in crate::sync) fn forget_server(&mut self) {
        let Self { id, executed, .. } = core::mem::take(self);
        *self = Self {
            id,
            executed,
            ..Self::default()
        };
    }

    /// Remembers the collection as it was read: its records and its time.
    pub(in crate::sync) fn see(&mut self, records: &[ClientRecord], modified: ServerTime) {
        self.seen = Some(modified);
        let mut known: Vec<KnownClient> = records.iter().map(ClientRecord::known).collect();
        crate::sorted::sort(&mut known, |a, b| {
            (b.modified, &a.id).cmp(&(a.modified, &b.id))
        });
        let own = self.id.clone();
        let record = own.as_ref().and_then(|id| {
            records
                .iter()
                .find(|record| record.id.as_str() == id.as_str())
        });
        self.others = record.map(ClientRecord::other_members).unwrap_or_default();
        let mut kept = 0;
        // This device's own record is always remembered.
        known.retain(|client| {
            kept += 1;
            kept <= MAX_CLIENTS || Some(client.id.as_str()) == own.as_ref().map(Guid::as_str)
        });
        self.known = known;
    }

    /// This device's record on the server.
    pub(in crate::sync) fn own(&self) -> Option<&KnownClient> {
        let id = self.id.as_ref()?;
        self.known
            .iter()
            .find(|client| client.id.as_str() == id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::ids::RecordId;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_newest_clients_are_remembered_and_this_one_in_any_case() {
        let record = |n: u64| {
            let id = RecordId::new(format!("client{n:06}")).unwrap();
            ClientRecord::parse(id, ServerTime::from_hundredths(n), "{}").unwrap()
        };
        let mut state = ClientsState {
            id: Some(Guid::new("client000000").unwrap()),
            ..ClientsState::default()
        };
        let records: Vec<ClientRecord> = (0..300).map(record).collect();
        state.see(&records, ServerTime::ZERO);
        assert_eq!(state.known.len(), MAX_CLIENTS + 1);
        assert_eq!(state.known[0].modified, ServerTime::from_hundredths(299));
        assert!(state.own().is_some());
    }

    #[test]
    fn what_is_forgotten_of_the_server_is_not_who_this_device_is() {
        let mut state = ClientsState {
            id: Some(Guid::new("client000000").unwrap()),
            seen: Some(ServerTime::ZERO),
            uploaded: Some(OwnClient::default()),
            executed: alloc::vec!["digest".into()],
            ..ClientsState::default()
        };
        state.forget_server();
        assert!(state.seen.is_none() && state.uploaded.is_none());
        assert!(state.id.is_some() && state.executed.len() == 1);
    }
}
