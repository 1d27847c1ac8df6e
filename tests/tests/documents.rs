//! What the documents say is true: every help page exists, and the commands of the README run.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use selvedge_tests::{Run, selvedge, workspace_root};

/// The names of the commands that a help page lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help
        .lines()
        .skip_while(|line| line.trim() != "Commands:")
        .skip(1);
    let lines = lines.take_while(|line| !line.trim().is_empty());
    lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(ToOwned::to_owned))
        .collect()
}

/// Asks for the help of a command and of those below it; tells how many there are.
fn check_help(path: &[String]) -> usize {
    let args = path.iter().map(String::as_str).chain(["--help"]);
    let outcome = Run::new(args).outcome().ok();
    let below = listed(&outcome.stdout);
    assert!(outcome.stderr.is_empty(), "{outcome}");
    assert!(outcome.stdout.contains("Usage: selvedge"), "{outcome}");
    if path.is_empty() {
        assert!(outcome.stdout.contains("Exit codes:"), "{outcome}");
    } else if below.is_empty() {
        assert!(
            outcome.stdout.contains("Example:") && outcome.stdout.contains("--json"),
            "{outcome}"
        );
    }
    1 + below
        .into_iter()
        .map(|name| check_help(&[path, &[name]].concat()))
        .sum::<usize>()
}

#[test]
fn every_command_has_a_help_page_with_an_example() {
    assert!(check_help(&[]) >= 20);
}

#[test]
fn the_demonstration_succeeds_and_shows_what_it_checked() {
    let outcome = Run::new(["demo"]).outcome().ok();
    for word in ["REQUESTS", "BYTES", "ciphertext", "\"hmac\""] {
        assert!(outcome.stdout.contains(word), "{word} in {outcome}");
    }
}

#[test]
fn the_demonstration_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let outcome = Run::new(["demo"])
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .outcome()
        .ok();
    let left: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "{left:?} after {outcome}");
}

/// The blocks between ```` ```sh ```` and ```` ``` ````.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```sh" {
            let block: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// `cargo` for the README's commands: `cargo run` is the program that was built already. What takes minutes, or would
/// run this test again, is only checked to exist.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
    "run --release -- "*) shift 3; exec selvedge "$@" ;;
    "run --release") exec selvedge ;;
    "install --path native-cli"*) exit 0 ;;
    "bench -p selvedge-core"*) exec test -d "$README_ROOT/core/benches" ;;
    "xtask "*) exec test -d "$README_ROOT/wasm/xtask" ;;
    *) echo "the README has a command that no test knows: cargo $*" >&2; exit 1 ;;
esac
"#;

/// `selvedge` for the README's commands. Where a person would paste the join code, the last one that was printed is read.
const SELVEDGE: &str = r#"#!/bin/bash
set -o pipefail
case "$*" in
    *"account create "*) "$README_SELVEDGE" "$@" | tee "$HOME/join-code" ;;
    *"account join -") exec "$README_SELVEDGE" "$@" <"$HOME/join-code" ;;
    *) exec "$README_SELVEDGE" "$@" ;;
esac
"#;

/// Waits before each command until the servers that were started in the background listen.
const PROLOGUE: &str = r#"
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'wait_for_server' DEBUG
wait_for_server() {
    [ -n "$(jobs -p)" ] || return 0
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$README_PORT") 2>/dev/null && return 0
        [ -n "$(jobs -pr)" ] || return 0
        read -rt 0.05 <> <(:) || true
    done
}
"#;

fn write_program(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file can be written");
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, permissions).expect("a file can be made executable");
}

#[test]
fn every_command_of_the_readme_runs() {
    let readme =
        std::fs::read_to_string(workspace_root().join("README.md")).expect("there is a README.md");
    let blocks = blocks(&readme);
    assert!(
        blocks.iter().any(|block| block.contains("demo")),
        "the README shows the demonstration"
    );
    assert!(
        blocks.iter().any(|block| block.contains("tests/run")),
        "the README tells how to run the tests"
    );
    assert!(workspace_root().join("tests/run").is_file());

    let home = tempfile::tempdir().unwrap();
    let (bin, work) = (home.path().join("bin"), home.path().join("work"));
    std::fs::create_dir_all(work.join("tests")).unwrap();
    std::fs::create_dir(&bin).unwrap();
    write_program(&bin.join("selvedge"), SELVEDGE);
    write_program(&bin.join("cargo"), CARGO);
    // This test is a part of what it would run.
    write_program(&work.join("tests/run"), "#!/bin/sh\n");
    // The README's port may be in use.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    // One shell for all: a later block goes on where an earlier one ended.
    let script = blocks.join("\n").replace("8090", &port);
    let output = Command::new("bash")
        .args(["-c", &format!("{PROLOGUE}\n{script}\n")])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", home.path())
        .env("README_SELVEDGE", selvedge())
        .env("README_ROOT", workspace_root())
        .env("README_PORT", &port)
        .current_dir(&work)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (answer, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{script}\n--- stdout\n{answer}\n--- stderr\n{said}"
    );
}
