//! Checks the documents: every command has a help page, the commands of the README run, and cited sections exist.

use std::collections::{BTreeMap, BTreeSet};
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

/// Checks the help of a command and of its subcommands; returns their number.
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

/// `cargo` for the README's commands: `cargo run` runs the program that is already built. Commands that take minutes, or that
/// would run this test again, are only checked for existence.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
    "run --release -- "*) shift 3; exec selvedge "$@" ;;
    "run --release") exec selvedge ;;
    "install --path native-cli"*) exit 0 ;;
    "bench -p selvedge-core"*) exec test -d "$README_ROOT/core/benches" ;;
    "xtask "*) exec test -d "$README_ROOT/wasm/xtask" ;;
    *) echo "the README has a command that this test does not know: cargo $*" >&2; exit 1 ;;
esac
"#;

/// `selvedge` for the README's commands. Where the user pastes the join code, it reads the last printed one.
const SELVEDGE: &str = r#"#!/bin/bash
set -o pipefail
case "$*" in
    *"account create "*) "$README_SELVEDGE" "$@" | tee "$HOME/join-code" ;;
    *"account join -") exec "$README_SELVEDGE" "$@" <"$HOME/join-code" ;;
    *) exec "$README_SELVEDGE" "$@" ;;
esac
"#;

/// Waits before each command until the servers in the background listen.
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
        "the README explains how to run the tests"
    );
    assert!(workspace_root().join("tests/run").is_file());

    let home = tempfile::tempdir().unwrap();
    let (bin, work) = (home.path().join("bin"), home.path().join("work"));
    std::fs::create_dir_all(work.join("tests")).unwrap();
    std::fs::create_dir(&bin).unwrap();
    write_program(&bin.join("selvedge"), SELVEDGE);
    write_program(&bin.join("cargo"), CARGO);
    // `tests/run` would run this test again.
    write_program(&work.join("tests/run"), "#!/bin/sh\n");
    // The README's port may be in use.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    // One shell for all blocks: a later block depends on earlier ones.
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
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{script}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
    );
}

/// The sign before the number of a section. Examples in this file have `$` instead, so that they do not count as citations.
const SIGN: char = '§';

/// The documents of `docs/protocol` by file name, each with the numbers of its sections.
type Protocol = BTreeMap<String, BTreeSet<String>>;

/// The number at the start of a text, like `4.4`; empty if there is none.
fn leading_number(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    text[..end.unwrap_or(text.len())].trim_end_matches('.')
}

/// The numbers of a document's headings (`### 4.4 meta/global`) and of its numbered items (`- 0.6 **GUID**`).
fn sections(markdown: &str) -> BTreeSet<String> {
    let titles = markdown.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        if title.len() < line.len() {
            title.strip_prefix(' ')
        } else {
            line.strip_prefix("- ")
                .filter(|item| leading_number(item).contains('.'))
        }
    });
    let numbers = titles.map(|title| leading_number(title).to_owned());
    numbers.filter(|number| !number.is_empty()).collect()
}

/// The document that `spec §N` refers to in a file, as `docs/protocol/README.md` defines.
fn document_of(path: &str) -> &'static str {
    let is_of_santa = path.contains("santa")
        || path.starts_with("core/santa/")
        || path.starts_with("native-cli/fleet/");
    if is_of_santa {
        "santa-sync.md"
    } else {
        "firefox-sync.md"
    }
}

/// The sections that a file cites: line, document and number; without citations of RFCs.
fn citations(path: &str, text: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices(SIGN) {
            let number = leading_number(&line[at + SIGN.len_utf8()..]);
            let mut words = line[..at].split_whitespace().rev();
            let last = words
                .next()
                .unwrap_or_default()
                .trim_matches(['`', '(', '*']);
            let is_of_rfc = words.next().is_some_and(|word| word.ends_with("RFC"));
            if number.is_empty() || is_of_rfc {
                continue;
            }
            let document = if last.ends_with(".md") {
                last.rsplit('/').next().unwrap_or(last)
            } else {
                document_of(path)
            };
            found.push((index + 1, document.to_owned(), number.to_owned()));
        }
    }
    found
}

/// The citations of sections that do not exist, as `file:line: …`.
fn broken_citations(path: &str, text: &str, protocol: &Protocol) -> Vec<String> {
    let exists = |document: &str, number: &str| {
        let sections = protocol.get(document);
        sections.is_some_and(|sections| sections.contains(number))
    };
    citations(path, text)
        .into_iter()
        .filter(|(_, document, number)| !exists(document, number))
        .map(|(line, document, number)| {
            format!("{path}:{line}: docs/protocol/{document} has no section {number}")
        })
        .collect()
}

/// The files that git tracks, with these endings of their names.
fn tracked(endings: &[&str]) -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(workspace_root())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git lists the files: {output:?}");
    let names = String::from_utf8(output.stdout).expect("names of files are UTF-8");
    let names = names.split('\0').filter(|name| {
        let has_ending = endings.iter().any(|ending| name.ends_with(ending));
        // A deleted file is tracked until the deletion is committed.
        has_ending && workspace_root().join(name).is_file()
    });
    names.map(ToOwned::to_owned).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace_root().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn protocol() -> Protocol {
    let documents = tracked(&[".md"]);
    let documents = documents
        .iter()
        .filter_map(|path| Some((path, path.strip_prefix("docs/protocol/")?)));
    documents
        .map(|(path, name)| (name.to_owned(), sections(&read(path))))
        .collect()
}

#[test]
fn every_cited_section_of_the_protocol_exists() {
    let protocol = protocol();
    let (mut count, mut broken) = (0, Vec::new());
    for path in tracked(&[".rs", ".js", ".mjs", ".ts", ".mts", ".proto"]) {
        let text = read(&path);
        count += citations(&path, &text).len();
        broken.extend(broken_citations(&path, &text, &protocol));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(count > 200, "only {count} citations were found");
}

#[test]
fn a_citation_of_a_missing_section_is_reported_with_file_and_line() {
    let document =
        "# Title\n\n## 1. One\n\n- 1.2 An item.\n- 7 is no item.\n\n### 4.4 Four (`x`)\n";
    let protocol: Protocol = ["firefox-sync.md", "santa-sync.md", "collections.md"]
        .into_iter()
        .map(|name| (name.to_owned(), sections(document)))
        .collect();
    for (path, line, broken) in [
        (
            "core/src/a.rs",
            "//! One (spec $1), (spec $1.2, $4.4).",
            None,
        ),
        (
            "core/src/a.rs",
            "// See collections.md $4.4, RFC 9110 $5.6.7.",
            None,
        ),
        (
            "core/src/a.rs",
            "// Seven (spec $7).",
            Some("firefox-sync.md has no section 7"),
        ),
        (
            "core/src/a.rs",
            "// (spec $1.2–$1.6)",
            Some("firefox-sync.md has no section 1.6"),
        ),
        (
            "core/santa/src/a.rs",
            "// (spec $4.5)",
            Some("santa-sync.md has no section 4.5"),
        ),
        (
            "core/src/a.rs",
            "// `collections.md` $9",
            Some("collections.md has no section 9"),
        ),
    ] {
        let text = format!("\n{line}").replace('$', &SIGN.to_string());
        let found = broken_citations(path, &text, &protocol);
        let expected = broken.map(|what| format!("{path}:2: docs/protocol/{what}"));
        assert_eq!(found, Vec::from_iter(expected), "{line}");
    }
}

#[test]
fn every_section_cited_in_a_protocol_document_exists() {
    let protocol = protocol();
    let all: BTreeSet<&String> = protocol.values().flatten().collect();
    for name in protocol.keys() {
        let path = format!("docs/protocol/{name}");
        let cited = citations(&path, &read(&path));
        for (line, _, number) in cited {
            assert!(
                all.contains(&number),
                "{path}:{line}: no document has a section {number}"
            );
        }
    }
}

#[test]
fn every_link_to_a_file_in_a_document_is_valid() {
    let mut broken = Vec::new();
    for path in tracked(&[".md"]) {
        let text = read(&path);
        for (at, _) in text.match_indices("](") {
            let target = &text[at + 2..];
            let target = &target[..target.find(')').unwrap_or(0)];
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = file.is_empty() || file.contains(':') || file.contains(' ');
            let folder = workspace_root().join(&path);
            let folder = folder.parent().expect("a file is in a folder");
            if !is_elsewhere && !folder.join(file).exists() {
                broken.push(format!("{path}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
