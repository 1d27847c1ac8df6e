//! The demo's machine: a directory of its own, and the daemon as a process of its own.

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
use selvedge_santa_host::ipc_client::{Asked, ask};

/// A slow machine gets this long for anything.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// Whom root's daemon becomes.
const NOBODY: &str = "nobody";

/// The demo has a few rules, not more.
const MAX_RULES: usize = 100;

/// A machine, and its daemon, which is killed when the value goes.
pub(super) struct DemoMachine {
    state: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    child: Child,
}

impl DemoMachine {
    /// Configures a machine and starts its daemon. Root's daemon becomes nobody, as it would for an administrator.
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
            let nobody = User::from_name(NOBODY).ok().flatten().ok_or_else(|| {
                HostError::Failed(
                    "the daemon does not run as root, and there is no user nobody: run the demo as another user".into(),
                )
            })?;
            chown(&state, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw()))
                .map_err(HostError::file(&state))?;
            user = format!("user = \"{NOBODY}\"\n");
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
            if let Asked::Done(_) = ask(&self.socket, &Call::Status, &mut |_| {}).await {
                return Ok(());
            }
            let has_ended = self.child.try_wait().is_ok_and(|ended| ended.is_some());
            if has_ended || began.elapsed() > TIMEOUT {
                let said = self.said();
                return Err(HostError::Failed(format!(
                    "the daemon does not respond; its output:\n{said}"
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// What the daemon has logged.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks the daemon over its socket, as an agent does.
    pub(super) async fn ask(&self, call: &Call) -> Result<Value> {
        let method = call.method();
        let why = match ask(&self.socket, call, &mut |_| {}).await {
            Asked::Done(value) => return Ok(value),
            Asked::Nobody => "no process listens on its socket".to_owned(),
            Asked::Refused(Some(fault)) => fault.to_string(),
            Asked::Refused(None) => "unknown reason".to_owned(),
            Asked::Lost(error) => error.to_string(),
        };
        Err(HostError::Failed(format!(
            "the daemon refused {method}: {why}"
        )))
    }

    /// Asks the daemon to stop, and says whether it ended well.
    pub(super) async fn stop(&mut self) -> Result<bool> {
        self.ask(&Call::ServiceStop).await?;
        let ended = tokio::time::timeout(TIMEOUT, self.child.wait()).await;
        Ok(matches!(ended, Ok(Ok(status)) if status.success()))
    }

    /// The machine's rules by their identifiers, from its store, without the daemon.
    pub(super) async fn rules(&self) -> Result<Vec<String>> {
        let store = SantaStore::open(&self.state.join("santa.sqlite"))?;
        let rules = store.rules(None, MAX_RULES).await?;
        Ok(rules
            .into_iter()
            .map(|rule| rule.key.identifier().to_owned())
            .collect())
    }
}
