//! `selvedge status`: the status of this device's syncing.

use std::fmt;

use selvedge_core::account::Credentials;
use selvedge_core::host::Clock as _;
use selvedge_core::sync::{self, CollectionCounts, Consent, FirstSync};
use selvedge_core::time::{LocalTime, ServerTime};
use serde::{Serialize, Serializer};

use super::consent::sentences;
use super::sync::first::PendingView;
use crate::device::Device;
use crate::output::{Align, Table};
use selvedge_host::SystemClock;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;

/// The status of this device's syncing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether the profile has an account.
    account: bool,
    /// Why the system keyring does not return the key of the account's secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyring_problem: Option<String>,
    /// When a sync last completed, in milliseconds since the Unix epoch.
    last_sync: Option<LocalTime>,
    /// When the next sync may begin, if not now, in milliseconds since the Unix epoch.
    next_sync: Option<LocalTime>,
    /// Why it may not begin earlier.
    next_sync_reason: Option<WaitReason>,
    /// Whether a daemon runs for this profile now.
    daemon_running: bool,
    /// When the daemon syncs next, if it is running, in milliseconds since the Unix epoch.
    daemon_next: Option<LocalTime>,
    /// The part of an interrupted first sync that the next sync has to do.
    #[serde(serialize_with = "first_sync")]
    first_sync: Option<FirstSync>,
    /// Whether the account's server reported that it is closed permanently.
    is_closed: bool,
    /// The decision that a person has to make before this account can be synced.
    needs_consent: Option<Consent>,
    collections: Vec<Row>,
}

/// Why no automatic sync begins for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum WaitReason {
    /// The server requested it.
    ServerAsked,
    /// The server refused the credentials.
    CredentialsRefused,
}

impl WaitReason {
    /// Decides by the end of the wait, and by the end of the wait after refused credentials.
    fn judge(until: LocalTime, refused_until: Option<LocalTime>) -> Self {
        match refused_until {
            Some(refused) if refused == until => Self::CredentialsRefused,
            _ => Self::ServerAsked,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ServerAsked => "the server asked for it",
            Self::CredentialsRefused => {
                "the server refused the credentials; replace them with `selvedge account use` or `join`, or retry now with `selvedge sync`"
            }
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    records: u64,
    pending: u64,
    given_up: u64,
    followed: bool,
    /// The server's time up to which it was read.
    #[serde(serialize_with = "moment::server_millis")]
    read_up_to: ServerTime,
}

/// Reads the profile; sends no request and writes nothing.
///
/// # Errors
/// When the profile cannot be read.
pub async fn run(device: &Device) -> Result<()> {
    let chosen = device.profile.settings()?.collections;
    let known = match device.store_if_there()? {
        Some(store) => Some(sync::status(&store).await?),
        None => None,
    };
    let now = SystemClock.now();
    let row = |found: CollectionCounts| Row {
        followed: chosen
            .as_ref()
            .is_none_or(|names| names.contains(&found.name)),
        name: found.name.to_string(),
        records: found.counts.live,
        pending: found.counts.pending,
        given_up: found.given_up,
        read_up_to: found.last_sync,
    };
    let (credentials, keyring_problem) = match device.credentials_if_there() {
        Err(HostError::Keyring(error)) => (None, Some(error.to_string())),
        credentials => (credentials?, None),
    };
    let account = credentials.is_some() || keyring_problem.is_some();
    let daemon_running = device.profile.has_daemon()?;
    let daemon_next = match daemon_running {
        true => device.profile.schedule()?.due(),
        false => None,
    };
    let status = match known {
        None => Status {
            account,
            keyring_problem,
            last_sync: None,
            next_sync: None,
            next_sync_reason: None,
            daemon_running,
            daemon_next,
            first_sync: None,
            is_closed: false,
            needs_consent: None,
            collections: Vec::new(),
        },
        Some(known) => {
            let next_sync = known.backoff.until().filter(|until| *until > now);
            Status {
                account,
                keyring_problem,
                last_sync: known.last_sync,
                next_sync,
                next_sync_reason: next_sync
                    .map(|until| WaitReason::judge(until, known.refused_until)),
                daemon_running,
                daemon_next,
                first_sync: known.first_sync,
                is_closed: known.closed.is_some()
                    && known.closed.as_deref() == credentials.as_ref().map(Credentials::server),
                needs_consent: known.needs_consent,
                collections: known.collections.into_iter().map(row).collect(),
            }
        }
    };
    device.output.answer(&status)
}

fn first_sync<S: Serializer>(left: &Option<FirstSync>, serializer: S) -> Result<S::Ok, S::Error> {
    left.as_ref().map(PendingView::from).serialize(serializer)
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.account {
            writeln!(
                f,
                "No account: run `selvedge account create` or `selvedge account join`."
            )?;
        }
        if let Some(problem) = &self.keyring_problem {
            writeln!(f, "Keyring    {problem}")?;
        }
        if self.is_closed {
            writeln!(
                f,
                "The server reported that it is closed permanently: move to another server, or retry with `selvedge sync`."
            )?;
        }
        if let Some(consent) = &self.needs_consent {
            writeln!(f, "{}\n", sentences(consent))?;
        }
        match self.last_sync {
            Some(time) => writeln!(f, "Last sync  {}", moment::local(time))?,
            None => writeln!(f, "Last sync  never")?,
        }
        if let (Some(time), Some(reason)) = (self.next_sync, self.next_sync_reason) {
            let (time, reason) = (moment::local(time), reason.text());
            writeln!(f, "Next sync  not before {time}: {reason}")?;
        }
        match (self.daemon_running, self.daemon_next) {
            (false, _) => writeln!(
                f,
                "Daemon     not running; `selvedge sync` syncs once, `selvedge daemon` on a schedule"
            )?,
            (true, None) => writeln!(f, "Daemon     running")?,
            (true, Some(time)) => writeln!(
                f,
                "Daemon     running; next sync at {}",
                moment::local(time)
            )?,
        }
        if let Some(left) = &self.first_sync {
            let left = PendingView::from(left);
            writeln!(
                f,
                "First sync {left}: the next sync continues it; `selvedge sync --first none` cancels it"
            )?;
        }
        if self.collections.is_empty() {
            return writeln!(f, "This device has no records yet.");
        }
        let mut table = Table::new(&[
            ("COLLECTION", Align::Left),
            ("RECORDS", Align::Right),
            ("PENDING", Align::Right),
            ("GIVEN UP", Align::Right),
            ("FOLLOWED", Align::Left),
            ("READ UP TO", Align::Left),
        ]);
        for row in &self.collections {
            table.row(vec![
                row.name.clone(),
                row.records.to_string(),
                row.pending.to_string(),
                row.given_up.to_string(),
                if row.followed { "yes" } else { "no" }.into(),
                moment::server(row.read_up_to),
            ]);
        }
        write!(f, "\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_only_named_when_it_asked() {
        let at = LocalTime::from_millis;
        for (until, refused_until, expected) in [
            (at(5), None, WaitReason::ServerAsked),
            (at(5), Some(at(5)), WaitReason::CredentialsRefused),
            // The server requested a longer pause than the one after a refusal.
            (at(7), Some(at(5)), WaitReason::ServerAsked),
            (at(5), Some(at(3)), WaitReason::ServerAsked),
        ] {
            assert_eq!(WaitReason::judge(until, refused_until), expected);
        }
    }
}
