//! Tests a daemon that root starts: for each problem with the ownership of files, it shows a command that fixes it.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use selvedge_tests::{DaemonProcess, FakeSantaServer, Run};
use serde_json::json;

use super::client::Client;
use super::machine::{MACHINE, is_root};

struct StateDir {
    dir: tempfile::TempDir,
}

impl StateDir {
    /// The state after `selvedge santa sync` as root.
    fn synced_by_root(url: &str) -> Self {
        let profile = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let state = profile.state();
        std::fs::create_dir(&state).unwrap();
        let config = format!(
            "SyncBaseURL = \"{url}\"\nMachineID = \"{MACHINE}\"\n[selvedge]\nuser = \"nobody\"\n"
        );
        std::fs::write(state.join("santa.toml"), config).unwrap();
        let _synced = profile.run(&["santa", "sync"]).outcome().ok();
        profile
    }

    fn state(&self) -> std::path::PathBuf {
        self.dir.path().join("a state")
    }

    fn run(&self, args: &[&str]) -> Run {
        let state = self.state();
        let options = ["--data-dir", state.to_str().unwrap()];
        Run::new(options.iter().chain(args))
    }

    /// Starts the daemon, which refuses, runs the shown command, and then the daemon must work.
    #[track_caller]
    fn works_after_one_command(&self) {
        let error = self.run(&["santa", "daemon"]).outcome().fails(2);
        let command = error
            .split('`')
            .nth(1)
            .unwrap_or_else(|| panic!("no command: {error}"));
        let done = Command::new("sh").args(["-c", command]).status().unwrap();
        assert!(done.success(), "{command}");
        self.serves();
    }

    fn serves(&self) {
        let daemon = DaemonProcess::start(self.run(&["santa", "daemon"]));
        let mut client = Client::with(&self.state().join("santa.sock"));
        let status = client.call("status", &json!({}));
        assert_eq!(status["machine_id"], MACHINE, "{status}");
        let synced = client.call("sync.run", &json!({"wait": true}));
        assert_eq!(synced["status"], 0, "{synced}");
        daemon.stops();
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn one_command_leads_to_a_daemon_that_works() {
    if !is_root() {
        println!("skipped: only root becomes another user");
        return;
    }
    let server = FakeSantaServer::answering(&[]);
    // Root owns the directory and its content.
    let profile = StateDir::synced_by_root(&server.url());
    mode(profile.dir.path(), 0o755);
    profile.works_after_one_command();
    // The next start succeeds without a command.
    profile.serves();
    // Also without search permission for the parent directory.
    let profile = StateDir::synced_by_root(&server.url());
    mode(profile.dir.path(), 0o700);
    profile.works_after_one_command();
    // The user owns the directory, but not a file.
    let profile = StateDir::synced_by_root(&server.url());
    mode(profile.dir.path(), 0o755);
    chown(profile.state(), Some(65_534), Some(65_534)).unwrap();
    profile.works_after_one_command();
    // The user owns everything including the configuration, as after `chown -R`.
    let profile = StateDir::synced_by_root(&server.url());
    mode(profile.dir.path(), 0o755);
    let all = Command::new("chown")
        .args(["-R", "nobody"])
        .arg(profile.state())
        .status();
    assert!(all.unwrap().success());
    profile.works_after_one_command();
}
