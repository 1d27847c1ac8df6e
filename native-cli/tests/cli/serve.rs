//! What an operator does beside a running server.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

use crate::program::{Server, feed, program};

/// An answer in JSON, with nothing said beside it.
#[track_caller]
fn answer(data: &Path, words: &[&str], stdin: &str) -> Value {
    let mut command = program();
    command.args(["--json", "serve"]).args(words);
    command.arg("--data").arg(data);
    let ran = feed(command, stdin);
    assert_eq!(ran.err, "");
    ran.json()
}

#[test]
fn invitations_and_users_are_made_beside_a_running_server_without_a_word_of_trouble() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(dir.path());
    let _server = Server::of(command);
    for number in 0..10 {
        let made = answer(dir.path(), &["invite", "--expires", "2"], "");
        assert_eq!(made["invitation"].as_str().map(str::len), Some(43));
        assert_eq!(made["hours"], 2);
        let name = format!("user{number}");
        let words = ["user", "add", &name, "--password-file", "-"];
        let expected = json!({"done": "add", "username": name});
        assert_eq!(answer(dir.path(), &words, "secret\n"), expected);
    }
}

/// The real server on a data directory, with what it says after it listens.
struct Talking {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    url: String,
}

impl Talking {
    fn start(data: &Path, more: &[&str]) -> Self {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(data).args(more).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.to_owned();
            }
        };
        Self { child, lines, url }
    }

    /// The next line that has a word in it.
    #[track_caller]
    fn says(&mut self, word: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        let line = lines.find(|line| line.contains(word));
        line.unwrap_or_else(|| panic!("it did not say {word}"))
    }

    /// The first bytes of the answer to a GET.
    fn get(&self, path: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_second_server_on_a_data_directory_is_refused_and_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = Talking::start(dir.path(), &[]);
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(dir.path());
    let refused = feed(command, "").refused(5);
    let pid = first.child.id().to_string();
    assert!(refused.contains(&pid), "{refused}");
    drop(first);
    // A killed server leaves no lock.
    Talking::start(dir.path(), &[]);
}

#[test]
fn a_backup_of_a_running_server_has_everything_and_a_stopped_one_can_be_compacted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Talking::start(dir.path(), &[]);
    let device = crate::program::Device::new();
    device
        .run(&["account", "create", "--server", &server.url])
        .ok();
    let copies = tempfile::tempdir().unwrap();
    let file = copies.path().join("backup.sqlite");
    let made = answer(dir.path(), &["backup", file.to_str().unwrap()], "");
    assert_eq!(made["bytes"], fs::metadata(&file).unwrap().len());
    let copy = rusqlite::Connection::open(&file).unwrap();
    let accounts = copy.query_row("SELECT COUNT(*) FROM accounts", [], |row| row.get(0));
    assert_eq!(accounts, Ok(1));
    let mut command = program();
    command.args(["serve", "backup"]).arg(&file);
    command.arg("--data").arg(dir.path());
    let refused = feed(command, "").refused(10);
    assert!(refused.contains("exists"), "{refused}");
    let mut command = program();
    command.args(["serve", "compact", "--data"]).arg(dir.path());
    feed(command, "").refused(5);
    drop(server);
    let compacted = answer(dir.path(), &["compact"], "");
    assert!(compacted["after"].as_u64() <= compacted["before"].as_u64());
}

#[cfg(unix)]
#[test]
fn the_log_says_why_a_request_is_refused_and_a_hangup_reads_settings_again() {
    let dir = tempfile::tempdir().unwrap();
    let origins = dir.path().join("origins");
    fs::write(&origins, "").unwrap();
    let options = ["--log", "--allow-origins-file", origins.to_str().unwrap()];
    let mut server = Talking::start(&dir.path().join("data"), &options);
    assert!(
        server
            .get("/1.5/7/info/collections")
            .starts_with("HTTP/1.1 401 ")
    );
    let line = server.says("/1.5/7/info/collections");
    assert!(line.starts_with("401 GET "), "{line}");
    assert!(line.ends_with(": no Authorization header"), "{line}");
    let pid = server.child.id().to_string();
    let hangup = || {
        let sent = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(sent.unwrap().success());
    };
    hangup();
    server.says("settings reloaded");
    fs::write(&origins, "no origin").unwrap();
    hangup();
    assert!(server.says("not reloaded").contains("no origin"));
    assert!(server.get("/__heartbeat__").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_master_secret_that_others_may_read_is_warned_of_and_a_short_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "a secret of more than sixteen bytes").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let options = ["--master-secret-file", secret.to_str().unwrap()];
        let mut server = Talking::start(&dir.path().join("data"), &options);
        assert!(server.says("master secret").contains("chmod 600"));
    }
    fs::write(&secret, "short").unwrap();
    let mut command = program();
    command.args(["serve", "--data", ":memory:", "--master-secret-file"]);
    command.arg(&secret);
    let refused = feed(command, "").refused(10);
    assert!(
        refused.contains("16") && refused.contains("has 5"),
        "{refused}"
    );
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_server_limits_the_arenas_of_the_allocator_unless_the_operator_did() {
    for set in [None, Some("7")] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = program();
        command.env_remove("MALLOC_ARENA_MAX");
        command.env_remove("GLIBC_TUNABLES");
        if let Some(arenas) = set {
            command.env("MALLOC_ARENA_MAX", arenas);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        let server = Server::of({
            command.arg(dir.path());
            command
        });
        let lock = fs::read_to_string(dir.path().join("server.lock")).unwrap();
        let environment = match fs::read(format!("/proc/{}/environ", lock.trim())) {
            Ok(environment) => environment,
            // Only root may read the environment of a process that does not let itself be traced.
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "{error}");
                return;
            }
        };
        drop(server);
        let expected = format!("MALLOC_ARENA_MAX={}", set.unwrap_or("2"));
        let mut found = environment.split(|byte| *byte == 0);
        assert!(found.any(|one| one == expected.as_bytes()), "{expected}");
    }
}
