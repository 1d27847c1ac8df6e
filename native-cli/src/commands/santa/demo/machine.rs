//! The machine of the demo: a directory, and a daemon in a child process.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use selvedge_santa::RuleStore as _;
use selvedge_santa::ipc::Call;
use serde_json::Value;
use tokio::process::{Child, Command};

use super::{MACHINE, SUBJECT};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::SantaStore;
use selvedge_santa_host::ipc_client::{CallOutcome, call_daemon};

/// Timeout of each step, long enough for slow computers.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// Interval between checks.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The user to which a daemon started as root switches.
const UNPRIVILEGED_USER: &str = "nobody";

/// More than the number of rules in the demo.
const MAX_RULES: usize = 100;

/// A machine with its daemon, which is killed when the value is dropped.
pub(super) struct DemoMachine {
    state: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    child: Child,
}

impl DemoMachine {
    /// Configures a machine and starts its daemon. As root, the daemon switches to the user nobody.
    pub(super) async fn start(dir: &Path, server: &str, push_server: &str) -> Result<Self> {
        let (state, run) = (dir.join("state"), dir.join("run"));
        for made in [dir, &state, &run] {
            fs::create_dir_all(made).map_err(HostError::file(made))?;
            fs::set_permissions(made, Permissions::from_mode(0o755))
                .map_err(HostError::file(made))?;
        }
        let own = geteuid();
        let mut user = String::new();
        if own.is_root() {
            let nobody = User::from_name(UNPRIVILEGED_USER).ok().flatten().ok_or_else(|| {
                HostError::Failed(
                    "the daemon does not run as root, and the user nobody does not exist: run the demo as another user".into(),
                )
            })?;
            chown(&state, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw()))
                .map_err(HostError::file(&state))?;
            user = format!("user = \"{UNPRIVILEGED_USER}\"\n");
        }
        let (socket, log) = (run.join("sync.sock"), dir.join("daemon.log"));
        let config = format!(
            "SyncBaseURL = \"{server}\"\nMachineID = \"{MACHINE}\"\n\n\
             [selvedge]\n{user}agent_uid = {own}\nsocket = {socket:?}\n\n\
             [selvedge.push]\nserver = \"{push_server}\"\nsubjects = [\"{SUBJECT}\"]\n"
        );
        let path = dir.join("santa.toml");
        fs::write(&path, config).map_err(HostError::file(&path))?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))
            .map_err(HostError::file(&path))?;
        let file = File::create(&log).map_err(HostError::file(&log))?;
        let program = std::env::current_exe().map_err(HostError::file(Path::new("selvedge")))?;
        let child = Command::new(&program)
            .arg("--data-dir")
            .arg(&state)
            .args(["santa", "daemon", "--config"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(HostError::file(&program))?;
        let mut machine = Self {
            state,
            socket,
            log,
            child,
        };
        machine.wait().await?;
        Ok(machine)
    }

    /// Waits until the daemon answers.
    async fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            if let CallOutcome::Done(_) =
                call_daemon(&self.socket, &Call::Status, &mut |_| {}).await
            {
                return Ok(());
            }
            let has_ended = self.child.try_wait().is_ok_and(|ended| ended.is_some());
            if has_ended || began.elapsed() > TIMEOUT {
                let log = self.log();
                return Err(HostError::Failed(format!(
                    "the daemon does not respond; its log:\n{log}"
                )));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// The log of the daemon.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Calls the daemon over its socket, like an agent.
    pub(super) async fn call(&self, call: &Call) -> Result<Value> {
        let method = call.method();
        let why = match call_daemon(&self.socket, call, &mut |_| {}).await {
            CallOutcome::Done(value) => return Ok(value),
            CallOutcome::NotListening => "no process listens on its socket".to_owned(),
            CallOutcome::Refused(Some(fault)) => fault.to_string(),
            CallOutcome::Refused(None) => "for a reason that this version does not know".to_owned(),
            CallOutcome::Lost(error) => error.to_string(),
        };
        Err(HostError::Failed(format!(
            "the daemon refused {method}: {why}"
        )))
    }

    /// Stops the daemon. Returns whether it exited successfully.
    pub(super) async fn stop(&mut self) -> Result<bool> {
        self.call(&Call::ServiceStop).await?;
        let ended = tokio::time::timeout(TIMEOUT, self.child.wait()).await;
        Ok(matches!(ended, Ok(Ok(status)) if status.success()))
    }

    /// The identifiers of the machine's rules, read from its store.
    pub(super) async fn rules(&self) -> Result<Vec<String>> {
        let store = SantaStore::open(&self.state.join("santa.sqlite"))?;
        let rules = store.rules(None, MAX_RULES).await?;
        Ok(rules
            .into_iter()
            .map(|rule| rule.key.identifier().to_owned())
            .collect())
    }
}
