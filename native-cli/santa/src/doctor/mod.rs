//! Checks the configuration and the server. Each finding is a sentence with the problem and how to fix it.
//!
//! ```text
//! configuration   warnings, patterns; stop without URL or machine id
//! name            DNS; stop without an address
//! connection      TCP and TLS; stop if it fails
//! certificates    validity of the server's and the client's certificate
//! clock           comparison with the Date header
//! preflight       as a sync sends it, with an XSRF token if the server requires one
//! encodings       content encodings that the server accepts in the configured format
//! form            whether the server accepts JSON and protobuf; stop if neither
//! answers         violations of the protocol, and settings that Santa cannot use
//! slashes         whether the server accepts doubled slashes in the path
//! STANDALONE      whether the server accepts this mode
//! rules           all pages of rules
//! ```
//!
//! The checks after `form` use the configured format and encoding, or others if the server does not accept these.

mod body_formats;
mod certificate;
mod connection;
mod finding;
mod preflight_request;
mod probe;
mod responses;
mod rule_pages;
mod server;
mod settings;

use selvedge_santa::Connection;

use self::finding::Findings;
pub use self::finding::{Finding, Level};
use super::config::Config;
use super::host_info::HostInfo;
use super::store::SantaStore;
use selvedge_host::exit::Exit;

/// Runs all checks in the order above. The store, if there is one, is read for the preflight request; nothing is
/// written.
pub async fn examine(
    config: &Config,
    machine_id: Option<&str>,
    store: Option<&SantaStore>,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    if let Some(connection) = configuration(config, machine_id, &mut findings) {
        server::examine(
            config,
            &connection,
            &HostInfo::gather(),
            store,
            &mut findings,
        )
        .await;
    }
    findings.0
}

fn configuration(
    config: &Config,
    machine_id: Option<&str>,
    findings: &mut Findings,
) -> Option<Connection> {
    const CHECK: &str = "configuration";
    for warning in &config.warnings {
        findings.warning(CHECK, warning);
    }
    for (level, text) in settings::own_patterns(&config.own) {
        findings.add(CHECK, level, Exit::Usage, text);
    }
    match config.connection(machine_id.unwrap_or_default()) {
        Ok(connection) => {
            let url = connection.address.check_url();
            let base = url.split("/preflight/").next().unwrap_or_default();
            findings.good(
                CHECK,
                format!(
                    "syncs use {base} with the machine id {}",
                    connection.address.machine()
                ),
            );
            Some(connection)
        }
        Err(error) => {
            let path = config.path.display();
            findings.add(
                CHECK,
                Level::Fault,
                Exit::Usage,
                format!("{error}: see {path}"),
            );
            None
        }
    }
}
