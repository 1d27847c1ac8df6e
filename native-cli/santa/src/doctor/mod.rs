//! Examines the configuration and the server, and says in a sentence each what is to be mended.
//!
//! ```text
//! configuration   warnings, patterns; no URL or no id ──────→ the end
//! name            no address ───────────────────────────────→ the end
//! connection      none, or one that cannot be trusted ───────→ the end
//! certificates    the server's, the client's: when they expire
//! clock           by the answer's date
//! preflight       as a sync sends it; a token first, if the server wants one
//! encodings       which the server takes, in the form that is configured
//! form            whether it takes JSON and protobuf; none of them ─→ the end
//! answers         what does not conform, and settings that Santa cannot use
//! slashes         whether it answers doubled ones otherwise
//! STANDALONE      whether it takes that mode
//! rules           all pages
//! ```
//!
//! The checks from `answers` on use the form and the encoding that are configured; if the server does not take them, some
//! that it takes.

mod answers;
mod certificate;
mod pages;
mod preflight_request;
mod probe;
mod reach;
mod server;
mod settings;
mod ways;

use selvedge_santa::Connection;
use serde::Serialize;

use super::config::Config;
use super::host_info::HostInfo;
use super::store::SantaStore;
use selvedge_host::exit::Exit;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// It works, but.
    Warning,
    /// It does not work.
    Fault,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What it is, and what to do about it.
    pub text: String,
    /// The exit code of a fault.
    #[serde(skip)]
    pub exit: Exit,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, level: Level, exit: Exit, text: impl Into<String>) {
        self.0.push(Finding {
            check,
            level,
            text: text.into(),
            exit,
        });
    }

    fn good(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Good, Exit::Done, text);
    }

    fn warning(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Warning, Exit::Failed, text);
    }

    /// What the server gets wrong.
    fn fault(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Fault, Exit::Failed, text);
    }

    /// What the server gets right, or wrong.
    fn server(&mut self, check: &'static str, level: Level, text: impl Into<String>) {
        self.add(check, level, Exit::Failed, text);
    }
}

/// What is to be said.
type Said = Vec<(Level, String)>;

/// Examines everything, in the order above. The store, if there is one, is read for what a preflight tells; nothing is
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
                format!("syncs go to {base} as {}", connection.address.machine()),
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
