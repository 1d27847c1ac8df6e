//! Root starts a daemon that becomes another user: whatever is wrong with the ownership of its files, one command mends it.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use selvedge_tests::{DaemonProcess, FakeSantaServer, Run};
use serde_json::json;

use super::machine::{MACHINE, is_root};
use super::talk::Talk;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// As `selvedge santa sync` by root leaves it.
    fn synced_by_root(url: &str) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let state = place.state();
        std::fs::create_dir(&state).unwrap();
        let config = format!(
            "SyncBaseURL = \"{url}\"\nMachineID = \"{MACHINE}\"\n[selvedge]\nuser = \"nobody\"\n"
        );
        std::fs::write(state.join("santa.toml"), config).unwrap();
        let _synced = place.run(&["santa", "sync"]).outcome().ok();
        place
    }

    fn state(&self) -> std::path::PathBuf {
        self.dir.path().join("a state")
    }

    fn run(&self, args: &[&str]) -> Run {
        let state = self.state();
        let place = ["--data-dir", state.to_str().unwrap()];
        Run::new(place.iter().chain(args))
    }

    /// Starts the daemon, which refuses; does what it says; then the daemon has to serve.
    #[track_caller]
    fn works_after_one_command(&self) {
        let said = self.run(&["santa", "daemon"]).outcome().fails(2);
        let command = said
            .split('`')
            .nth(1)
            .unwrap_or_else(|| panic!("no command: {said}"));
        let done = Command::new("sh").args(["-c", command]).status().unwrap();
        assert!(done.success(), "{command}");
        self.serves();
    }

    fn serves(&self) {
        let daemon = DaemonProcess::start(self.run(&["santa", "daemon"]));
        let mut talk = Talk::with(&self.state().join("santa.sock"));
        let status = talk.call("status", &json!({}));
        assert_eq!(status["machine_id"], MACHINE, "{status}");
        let synced = talk.call("sync.run", &json!({"wait": true}));
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
    // The directory and what is in it are root's.
    let place = Place::synced_by_root(&server.url());
    mode(place.dir.path(), 0o755);
    place.works_after_one_command();
    // It works again without a word.
    place.serves();
    // A directory above is closed besides.
    let place = Place::synced_by_root(&server.url());
    mode(place.dir.path(), 0o700);
    place.works_after_one_command();
    // The directory is the user's, a file is not.
    let place = Place::synced_by_root(&server.url());
    mode(place.dir.path(), 0o755);
    chown(place.state(), Some(65_534), Some(65_534)).unwrap();
    place.works_after_one_command();
    // Everything is the user's, the configuration too, as after `chown -R`.
    let place = Place::synced_by_root(&server.url());
    mode(place.dir.path(), 0o755);
    let all = Command::new("chown")
        .args(["-R", "nobody"])
        .arg(place.state())
        .status();
    assert!(all.unwrap().success());
    place.works_after_one_command();
}
