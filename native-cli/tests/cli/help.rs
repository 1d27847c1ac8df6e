//! The help is true: its examples run, its codes are the program's, and the pages come from the program itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Server, feed, program};

/// The examples of all commands, in an order in which each finds what it needs.
const ORDER: [&str; 22] = [
    "demo",
    "account create",
    "account show",
    "account tell-version",
    "records put",
    "records edit",
    "records list",
    "records get",
    "sync",
    "status",
    "account reinitialize",
    "collections",
    "collections follow",
    "engines list",
    "engines enable",
    "engines disable",
    "records conflicts",
    "records delete",
    "account forget",
    "completions",
    "man",
    // Needs a device without an account.
    "account join",
];

fn help(words: &[&str]) -> String {
    let mut command = program();
    command.args(words).arg("--help");
    feed(command, "").ok()
}

fn example(words: &[&str]) -> String {
    nth_example(words, 1)
}

fn nth_example(words: &[&str], nth: usize) -> String {
    let help = help(words);
    let line = help.lines().skip_while(|line| *line != "Example:").nth(nth);
    line.unwrap_or_else(|| panic!("{words:?} has no example:\n{help}"))
        .trim()
        .to_owned()
}

/// A line of the help in a shell.
fn in_shell(line: &str, dir: &Path) -> Command {
    let (name, rest) = line.split_once(' ').unwrap();
    assert_eq!(name, "selvedge");
    let mut shell = Command::new("sh");
    let line = format!("exec '{}' {rest}", env!("CARGO_BIN_EXE_selvedge"));
    shell.current_dir(dir).args(["-c", &line]);
    shell
}

/// Runs a line of the help on a server that listens elsewhere than the line says.
fn run(line: &str, dir: &Path, home: &str, url: &str) -> String {
    let mut shell = in_shell(&line.replace("http://127.0.0.1:8090", url), dir);
    shell.env("XDG_DATA_HOME", dir.join(home));
    feed(shell, "").ok()
}

#[test]
fn every_example_runs() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    for words in ORDER {
        let home = if words == "account join" {
            "other"
        } else {
            "home"
        };
        let out = run(
            &example(&words.split(' ').collect::<Vec<_>>()),
            dir.path(),
            home,
            &server.url,
        );
        match words {
            "account create" => fs::write(dir.path().join("code.txt"), out).unwrap(),
            "records list" => assert!(out.contains("\"id\":\"milk\""), "{out}"),
            "records get" => assert_eq!(out, "{\"id\":\"milk\",\"done\":true}\n"),
            _ => {}
        }
    }
    assert!(dir.path().join("selvedge.bash").metadata().unwrap().len() > 1000);
    let page = fs::read_to_string(dir.path().join("man1/selvedge-records-list.1")).unwrap();
    assert!(page.contains("Example") && page.contains("jsonl"), "{page}");
    // The one example that needs a file from elsewhere.
    let token = fs::read(dir.path().join("other/selvedge/default/credentials.json")).unwrap();
    fs::write(dir.path().join("creds.json"), token).unwrap();
    run(
        &example(&["account", "use"]),
        dir.path(),
        "third",
        &server.url,
    );
}

#[test]
fn the_example_of_a_restored_value_runs() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let line = |line: &str, home| run(line, dir.path(), home, &server.url);
    let code = line(&example(&["account", "create"]), "home");
    fs::write(dir.path().join("code.txt"), code).unwrap();
    line(&example(&["records", "put"]), "home");
    line("selvedge sync", "home");
    line(&example(&["account", "join"]), "other");
    line("selvedge sync", "other");
    line(&example(&["records", "delete"]), "other");
    line("selvedge sync", "other");
    line("selvedge sync", "home");
    assert!(line(&example(&["records", "conflicts"]), "home").contains("remote-deletion"));
    assert!(line(&example(&["records", "restore"]), "home").contains("Would restore"));
}

#[test]
fn the_examples_of_devices_run() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let here = |words: &[&str], home| run(&example(words), dir.path(), home, &server.url);
    let code = here(&["account", "create"], "home");
    fs::write(dir.path().join("code.txt"), code).unwrap();
    here(&["clients", "rename"], "home");
    here(&["records", "put"], "home");
    here(&["sync"], "home");
    here(&["account", "join"], "other");
    here(&["sync"], "other");
    assert!(here(&["clients", "list"], "other").contains("Attic"));
    for verb in ["send-tab", "wipe", "reset"] {
        assert!(
            here(&["clients", verb], "other").contains("Attic"),
            "{verb}"
        );
    }
    let synced = here(&["sync"], "home");
    assert!(synced.contains("https://example.org/"), "{synced}");
    let removed = here(&["clients", "remove"], "other");
    assert!(removed.contains("Removed Attic"), "{removed}");
    assert!(!here(&["clients", "list"], "other").contains("Attic"));
}

#[test]
fn the_examples_of_backups_run() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let line = |line: &str| run(line, dir.path(), "home", &server.url);
    line(&example(&["account", "create"]));
    line(&example(&["records", "put"]));
    line("selvedge sync");
    let created = line(&example(&["backup", "create"]));
    assert!(created.contains("Backed up"), "{created}");
    for (verb, words) in [
        ("verify", "all good"),
        ("list", "BACKUP"),
        ("diff", "0 added, 0 changed, 0 deleted"),
        ("restore", "Would restore"),
    ] {
        let out = line(&example(&["backup", verb]));
        assert!(out.contains(words), "{verb}: {out}");
    }
    let unit = nth_example(&["backup", "create"], 2);
    line(&unit);
    let unit = fs::read_to_string(dir.path().join("unit.txt")).unwrap();
    assert!(unit.contains("OnCalendar=daily"), "{unit}");
}

#[test]
fn the_examples_of_the_server_run() {
    let dir = tempfile::tempdir().unwrap();
    let serve = example(&["serve"]).replace("127.0.0.1:8090", "127.0.0.1:0");
    let mut shell = in_shell(&serve, dir.path());
    shell.env("HOME", dir.path());
    let server = Server::of(shell);
    assert!(
        server.url.starts_with("http://127.0.0.1:"),
        "{}",
        server.url
    );
    for words in ["invite", "backup"] {
        let mut shell = in_shell(&example(&["serve", words]), dir.path());
        shell.env("HOME", dir.path());
        assert_eq!(feed(shell, "").ok().lines().count(), 1, "{words}");
    }
    drop(server);
    let mut shell = in_shell(&example(&["serve", "compact"]), dir.path());
    shell.env("HOME", dir.path());
    assert!(feed(shell, "").ok().contains("has"));
}

#[test]
fn the_examples_of_users_and_their_accounts_run() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("password.txt"), "secret\n").unwrap();
    for verb in ["add", "password", "move"] {
        let line = example(&["serve", "user", verb]);
        let mut shell = in_shell(&line, dir.path());
        shell.env("HOME", dir.path());
        assert_eq!(feed(shell, "").ok(), "alice\n");
    }
    let line = nth_example(&["account", "use"], 2);
    let mut shell = in_shell(&line, dir.path());
    shell.env("XDG_DATA_HOME", dir.path().join("home"));
    let secrets = "secret\na-bcdef-ghijk-8mn9p-qrstu-vwxya\n";
    let used = feed(shell, secrets).ok();
    assert!(used.contains("uses the account"), "{used}");
}

#[test]
fn the_help_lists_all_commands_and_the_exit_codes() {
    let help = help(&[]);
    for word in [
        "demo",
        "account",
        "sync",
        "status",
        "collections",
        "clients",
        "records",
        "backup",
        "serve",
        "completions",
        "man",
    ] {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(word)),
            "{word}"
        );
    }
    assert!(
        help.contains("Exit codes:") && help.contains("11  "),
        "{help}"
    );
}

#[test]
fn completions_come_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let mut command = program();
        command.args(["completions", shell]);
        assert!(feed(command, "").ok().contains("selvedge"));
    }
}

#[test]
fn the_examples_of_santas_rules_run() {
    let dir = tempfile::tempdir().unwrap();
    let rule = r#"{"identifier":"EQHXZ8M8AV","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;
    fs::write(dir.path().join("rules.json"), format!("[{rule}]")).unwrap();
    let line = example(&["santa", "rules", "check"]);
    let out = run(&line, dir.path(), "home", "");
    assert_eq!(out, "valid: 1, skipped: 0\n");
    // What is exported can be imported again.
    for words in ["add", "list", "export", "import", "remove"] {
        let line = example(&["santa", "rules", words]);
        run(&line, dir.path(), "home", "");
    }
    let toml = fs::read_to_string(dir.path().join("rules.toml")).unwrap();
    assert!(toml.contains("identifier = \"EQHXZ8M8AV\""), "{toml}");
}

#[test]
fn the_examples_of_santas_events_and_status_run() {
    let dir = tempfile::tempdir().unwrap();
    let sha256 = "ab".repeat(32);
    let event = format!(
        r#"{{"file_sha256":"{sha256}","decision":"BLOCK_BINARY","execution_time":1767225600.25}}"#
    );
    fs::write(dir.path().join("events.json"), event).unwrap();
    let here = |words: &[&str]| run(&example(words), dir.path(), "home", "");
    assert_eq!(here(&["santa", "events", "add"]), "1 events added\n");
    assert!(here(&["santa", "events", "list"]).contains("BLOCK_BINARY"));
    assert!(here(&["santa", "status"]).contains("\"pending_events\":1"));
}

#[test]
fn the_example_of_santas_settings_runs() {
    let dir = tempfile::tempdir().unwrap();
    let line = example(&["santa", "config", "keys"]);
    let listed = run(&line, dir.path(), "home", "");
    assert!(listed.contains("\nselvedge.push.server ("), "{listed}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_example_of_santas_daemon_runs() {
    let dir = tempfile::tempdir().unwrap();
    let line = example(&["santa", "daemon"]);
    let unit = run(&line, dir.path(), "home", "");
    assert!(unit.contains("Type=notify"), "{unit}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_example_of_santas_demo_runs() {
    let dir = tempfile::tempdir().unwrap();
    let out = run(&example(&["santa", "demo"]), dir.path(), "home", "");
    assert_eq!(out.matches("\nyes  ").count(), 6, "{out}");
}

#[test]
fn the_examples_of_santas_server_run() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rules.toml"), "client_mode = \"MONITOR\"\n").unwrap();
    let line = example(&["santa", "serve"]);
    assert_eq!(run(&line, dir.path(), "home", ""), "no problems found\n");
    let line = nth_example(&["santa", "serve"], 2).replace("127.0.0.1:8080", "127.0.0.1:0");
    let mut server = in_shell(&line, dir.path());
    let mut child = server.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let stderr = child.stderr.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stderr), &mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        said.starts_with("selvedge santa serve: listening on http://127.0.0.1:"),
        "{said}"
    );
    assert!(dir.path().join("events.jsonl").is_file());
}
