//! The result of a sync, in a line.

use selvedge_core::sync::{Ending, Report};

use crate::commands::sync::report::unsent;
use crate::output::printable;
use selvedge_host::service::Log;

/// Logs the result of a sync.
pub(super) fn synced(log: Log, report: &Report) {
    let (mut received, mut sent, mut failed) = (0, 0, 0);
    for collection in &report.collections {
        received += collection.pulled.received;
        sent += collection.pushed.sent;
        failed += collection.pulled.failed_count + collection.pushed.failed_count;
    }
    let mut text = format!(
        "synced: {}, {received} received, {sent} sent, {failed} failed, {} requests",
        report.outcome().word(),
        report.traffic.requests
    );
    if let Ending::Stopped(error) = &report.ending {
        text.push_str(&format!(": {error}"));
    }
    if let Ending::NeedsConsent(consent) = &report.ending {
        text.push_str(&format!(
            ": {}; nothing was changed, see `selvedge status`",
            consent.reason
        ));
    }
    log.report("synced", report, &text);
    for command in report.commands.iter().filter(|command| command.unsent > 0) {
        let text = format!(
            "another device asked for {}: {}{}",
            printable(&command.command),
            command.outcome,
            unsent(command)
        );
        log.say("command", &text);
    }
}
