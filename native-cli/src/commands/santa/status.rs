//! `selvedge santa status`: how this machine's sync is.

mod settings;

use std::fmt;
use std::time::Duration;

use selvedge_core::time::LocalTime;
use selvedge_santa::RuleCounts;
use selvedge_santa::ipc::Call;
use serde::Serialize;
use serde_json::Value;

use super::grammar::ConfigFile;
use super::sync::View;
use crate::device::Device;
use crate::output::{Align, Table, printable};
use selvedge_host::exit::Result;
use selvedge_host::moment;
use selvedge_santa_host::ipc_client::{Asked, ask};
use selvedge_santa_host::{Snapshot, machine_id};

/// So long the daemon may take to say how it is.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
struct Answer {
    server: Option<String>,
    machine_id: Option<String>,
    /// What the daemon says; `None` when none runs.
    daemon: Option<Value>,
    /// How things are here; `None` before the first sync.
    #[serde(flatten)]
    snapshot: Option<Snapshot>,
}

/// Reads the profile and asks the daemon; asks no server and writes nothing.
pub(super) async fn run(device: &Device, file: &ConfigFile) -> Result<()> {
    let paths = super::paths(device);
    let config = super::config(device, file)?;
    let snapshot = match super::store_if_there(device)? {
        Some(store) => {
            let store = store.with_configured(&config.static_rules);
            Some(Snapshot::read(&store, &config.own).await?)
        }
        None => None,
    };
    let socket = config.socket_path(&paths);
    let mut unheard = |_| {};
    let asked = ask(&socket, &Call::Status, &mut unheard);
    let daemon = match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Asked::Done(status)) => Some(status),
        _ => None,
    };
    device.output.answer(&Answer {
        server: config.base_url.clone(),
        machine_id: machine_id(&paths, &config, false)?,
        daemon,
        snapshot,
    })
}

fn time(time: Option<LocalTime>) -> String {
    time.map_or("never".into(), |time| moment::local(time).to_string())
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => writeln!(f, "Server           {}", printable(server))?,
            None => writeln!(f, "Server           none: set SyncBaseURL in santa.toml")?,
        }
        match &self.machine_id {
            Some(id) => writeln!(f, "Machine          {}", printable(id))?,
            None => writeln!(f, "Machine          has no id: set MachineID in santa.toml")?,
        }
        match &self.daemon {
            None => writeln!(f, "Daemon           not running")?,
            Some(daemon) => {
                let next = daemon.get("next_full_sync").and_then(Value::as_u64);
                match next.map(LocalTime::from_millis) {
                    Some(next) => writeln!(f, "Daemon           syncs at {}", moment::local(next))?,
                    None => writeln!(f, "Daemon           running")?,
                }
                let push = daemon.get("push").and_then(|push| push.get("state"));
                if let Some(state) = push.and_then(Value::as_str) {
                    writeln!(f, "Push             {}", printable(state))?;
                }
            }
        }
        let Some(known) = &self.snapshot else {
            return writeln!(f, "No sync here yet: `selvedge santa sync` begins.");
        };
        writeln!(f, "Last full sync   {}", time(known.last_full_sync))?;
        writeln!(f, "Last rules       {}", time(known.last_rule_sync))?;
        let requested = known.requested.as_str().replace('_', " ");
        writeln!(f, "Wanted next      a {requested} sync")?;
        for (name, value) in settings::lines(known) {
            writeln!(f, "{name:<16} {}", printable(&value))?;
        }
        writeln!(f, "Events pending   {}", known.pending_events)?;
        if let Some(last) = &known.last_sync {
            let view = View(last.clone()).to_string();
            for line in view.lines().filter(|line| line.starts_with("Failed")) {
                writeln!(
                    f,
                    "Last sync        {}",
                    line.trim_start_matches("Failed").trim_start()
                )?;
            }
        }
        write!(f, "\n{}", rules(&known.rules))
    }
}

fn rules(counts: &RuleCounts) -> Table {
    let mut table = Table::new(&[("RULES", Align::Left), ("COUNT", Align::Right)]);
    for (name, count) in [
        ("BINARY", counts.binary),
        ("CERTIFICATE", counts.certificate),
        ("TEAMID", counts.teamid),
        ("SIGNINGID", counts.signingid),
        ("CDHASH", counts.cdhash),
        ("of them compilers", counts.compiler),
        ("of them transitive", counts.transitive),
    ] {
        table.row(vec![name.into(), count.to_string()]);
    }
    table
}
