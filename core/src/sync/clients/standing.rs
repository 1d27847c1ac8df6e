//! Which of the account's clients are still current (spec §4.8).
//!
//! ```text
//! another of the same fxaDeviceId is newer ────────────→ duplicate
//! another of the same name is more than 7 days newer ──→ stale
//! else ────────────────────────────────────────────────→ current
//! ```
//!
//! Clients that are not current are hidden, never deleted: the server deletes a record that its client does not renew.
//!
//! An accounts server has more information: a client whose `fxaDeviceId` is missing from its list of devices has signed
//! out, and is stale at once. This program does not request that list, so such a client counts as current until a
//! client of the same name appears, or its record expires.

use alloc::vec::Vec;

use crate::metadata::KnownClient;

/// Time without an update after which a client is considered replaced by another client of the same name, in hundredths
/// of a second: 7 days.
const STALE_HUNDREDTHS: u64 = 7 * 24 * 60 * 60 * 100;

/// Whether a client is still current.
///
/// ```
/// use selvedge_core::sync::Standing;
///
/// assert_eq!(Standing::Stale.word(), "stale");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is current.
    Current,
    /// Another client of the same name is more than 7 days newer.
    Stale,
    /// Another record of the same device is newer.
    Duplicate,
}

impl Standing {
    /// The standing in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
        }
    }

    /// The standing of one client among all.
    #[must_use]
    pub fn judge(client: &KnownClient, all: &[KnownClient]) -> Self {
        let others = || all.iter().filter(|other| other.id != client.id);
        // If two records are equally new, exactly one of them counts as current.
        let rank = |client: &KnownClient| (client.modified, client.id.clone());
        let is_duplicate = client.fxa_device_id.is_some()
            && others().any(|other| {
                other.fxa_device_id == client.fxa_device_id && rank(other) > rank(client)
            });
        let age = |other: &KnownClient| {
            let (other, this) = (other.modified.hundredths(), client.modified.hundredths());
            other.saturating_sub(this)
        };
        if is_duplicate {
            Self::Duplicate
        } else if others().any(|other| other.name == client.name && age(other) > STALE_HUNDREDTHS) {
            Self::Stale
        } else {
            Self::Current
        }
    }

    /// The standings of all, in their order.
    #[must_use]
    pub fn of_all(all: &[KnownClient]) -> Vec<Self> {
        all.iter().map(|client| Self::judge(client, all)).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::ids::RecordId;
    use crate::time::ServerTime;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const DAY: u64 = 24 * 60 * 60 * 100;

    fn client(id: &str, name: &str, device: Option<&str>, modified: u64) -> KnownClient {
        KnownClient {
            id: RecordId::new(id).unwrap(),
            name: name.into(),
            modified: ServerTime::from_hundredths(modified),
            device_type: None,
            os: None,
            application: None,
            version: None,
            fxa_device_id: device.map(ToString::to_string),
            commands: 0,
        }
    }

    #[test]
    fn every_row() {
        let ours = || client("a", "Attic", Some("d1"), 10 * DAY);
        let rows = [
            ("alone", None, Standing::Current),
            (
                "same name, exactly 7 days newer",
                Some(client("b", "Attic", None, 17 * DAY)),
                Standing::Current,
            ),
            (
                "same name, more than 7 days newer",
                Some(client("b", "Attic", None, 17 * DAY + 1)),
                Standing::Stale,
            ),
            (
                "same name, older",
                Some(client("b", "Attic", None, 0)),
                Standing::Current,
            ),
            (
                "other name, much newer",
                Some(client("b", "Cellar", None, 99 * DAY)),
                Standing::Current,
            ),
            (
                "same device, newer",
                Some(client("b", "Attic", Some("d1"), 10 * DAY + 1)),
                Standing::Duplicate,
            ),
            (
                "same device, older",
                Some(client("b", "Attic", Some("d1"), 9 * DAY)),
                Standing::Current,
            ),
            (
                "same device, at once",
                Some(client("b", "Attic", Some("d1"), 10 * DAY)),
                Standing::Duplicate,
            ),
            (
                "same device, much newer",
                Some(client("b", "Attic", Some("d1"), 99 * DAY)),
                Standing::Duplicate,
            ),
        ];
        for (name, other, expected) in rows {
            let all: Vec<KnownClient> = [ours()].into_iter().chain(other).collect();
            assert_eq!(Standing::judge(&ours(), &all), expected, "{name}");
        }
    }

    #[test]
    fn devices_without_an_id_are_not_one_device() {
        let all = [client("a", "x", None, 1), client("b", "y", None, 2)];
        assert_eq!(
            Standing::of_all(&all),
            [Standing::Current, Standing::Current]
        );
    }

    #[test]
    fn of_one_device_one_record_counts() {
        let all = ["a", "b", "c"].map(|id| client(id, "x", Some("d"), 5));
        let standings = Standing::of_all(&all);
        assert_eq!(
            standings,
            [Standing::Duplicate, Standing::Duplicate, Standing::Current]
        );
    }
}
