//! What a restore would do or has done, in numbers.

use std::fmt;

use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;
use serde::Serialize;

use crate::output::{Align, Table};
use selvedge_host::moment;

/// What a restore does, or has done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    /// Seconds since 1970 when the backup was made.
    pub(super) created: i64,
    /// Whether the backup is of another account.
    pub(super) other_account: bool,
    pub(super) collections: Vec<Counts>,
    /// Records that the server did not accept.
    pub(super) failed: u64,
    pub(super) dry_run: bool,
}

/// The numbers of one collection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    pub(super) name: CollectionName,
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) left: u64,
    /// Records that only the server has. They stay.
    pub(super) only_on_server: u64,
}

impl Counts {
    pub(super) const fn new(name: CollectionName) -> Self {
        Self {
            name,
            added: 0,
            changed: 0,
            left: 0,
            only_on_server: 0,
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = u64::try_from(self.created).unwrap_or_default();
        let time = moment::server(ServerTime::from_hundredths(seconds.saturating_mul(100)));
        let verb = if self.dry_run {
            "Would restore"
        } else {
            "Restored"
        };
        let of = if self.other_account {
            " of another account"
        } else {
            ""
        };
        writeln!(f, "{verb} from the backup{of} of {time}:")?;
        let mut table = Table::new(&[
            ("COLLECTION", Align::Left),
            ("ADDED", Align::Right),
            ("CHANGED", Align::Right),
            ("LEFT", Align::Right),
            ("ONLY ON SERVER", Align::Right),
        ]);
        for counts in &self.collections {
            table.row(vec![
                counts.name.to_string(),
                counts.added.to_string(),
                counts.changed.to_string(),
                counts.left.to_string(),
                counts.only_on_server.to_string(),
            ]);
        }
        write!(f, "{table}")
    }
}
