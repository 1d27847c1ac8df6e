//! The message for a person if setting up the account again would delete data on the server.

use std::fmt::Write as _;

use selvedge_core::sync::{AtRisk, Consent};

use crate::output::{Align, Table, printable};
use selvedge_host::moment;

/// The collections on the server, which would be deleted.
pub(super) fn at_risk_table(at_risk: &[AtRisk]) -> Table {
    let mut table = Table::new(&[
        ("COLLECTION", Align::Left),
        ("RECORDS", Align::Right),
        ("LAST CHANGE", Align::Left),
    ]);
    for found in at_risk {
        table.row(vec![
            found.name.to_string(),
            found
                .records
                .map_or("unknown".into(), |records| records.to_string()),
            moment::server(found.modified),
        ]);
    }
    table
}

/// The reason why the account cannot be synced, the server's collections, and the commands to continue.
pub(super) fn sentences(consent: &Consent) -> String {
    let mut text = format!(
        "This account cannot be synced: {}. Nothing was changed.\n",
        printable(&consent.reason.to_string())
    );
    if consent.collections.is_empty() {
        text.push_str("The server lists no collections.\n");
    } else {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "The server has:\n\n{}\n",
            at_risk_table(&consent.collections)
        );
    }
    if consent.can_restore {
        text.push_str(
            "This device has a copy of the missing record: `selvedge account reinitialize --restore` writes it again and deletes nothing.\n",
        );
    }
    text.push_str(
        "`selvedge account reinitialize` deletes all of it on the server and sets up the account again with the records of this device, after a prompt. \
         Other devices then upload their records.",
    );
    text
}
