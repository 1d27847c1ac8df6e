//! `selvedge serve --www` as a person starts it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{feed, program};

/// A directory `www` as `cargo xtask pack` leaves it.
fn site(dir: &Path) {
    fs::create_dir_all(dir.join("www/selvedge")).unwrap();
    fs::write(dir.join("www/index.html"), "<!doctype html>").unwrap();
    fs::write(dir.join("www/selvedge/selvedge.wasm"), "").unwrap();
}

/// What a server says on stderr up to the line that begins like this.
fn told(mut command: Command, beginning: &str) -> String {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines
        .map(Result::unwrap)
        .find(|line| line.starts_with(beginning));
    child.kill().unwrap();
    child.wait().unwrap();
    line.unwrap_or_else(|| panic!("it did not say {beginning}"))
}

fn serve(dir: &Path, args: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(dir).arg("serve").args(args);
    command
}

#[test]
fn the_example_says_where_the_page_is_and_how_to_join() {
    let dir = tempfile::tempdir().unwrap();
    site(dir.path());
    let help = feed(serve(dir.path(), &["--help"]), "").ok();
    let example = help.lines().find(|line| line.contains("--www --listen"));
    let words: Vec<&str> = example.unwrap().split_whitespace().skip(2).collect();
    let words: Vec<&str> = words
        .into_iter()
        .map(|word| match word {
            "127.0.0.1:8090" => "127.0.0.1:0",
            word => word,
        })
        .collect();
    assert!(words.contains(&":memory:"), "{words:?}");
    let line = told(serve(dir.path(), &words), "selvedge serve: the page");
    assert!(line.contains("the page is at http://127.0.0.1:"), "{line}");
    assert!(
        line.contains("`selvedge account create --server http://127.0.0.1:"),
        "{line}"
    );
}

#[test]
fn where_accounts_need_an_invitation_it_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    site(dir.path());
    let common = [
        "--www",
        "www",
        "--listen",
        "127.0.0.1:0",
        "--public-url",
        "https://example.org",
    ];
    let said = |more: &[&str]| {
        let args = [&common[..], more].concat();
        told(serve(dir.path(), &args), "selvedge serve: the page")
    };
    let kept = said(&["--data", "data"]);
    assert!(
        kept.contains("https://example.org/") && kept.contains("serve invite --data data"),
        "{kept}"
    );
    // Nobody else can make one for a server in memory.
    let memory = said(&["--data", ":memory:"]);
    let (_, invitation) = memory.split_once("one account there: ").unwrap();
    assert_eq!(invitation.len(), 43, "{memory}");
}

#[test]
fn a_page_that_is_not_there_is_told_before_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |args: &[&str], code| feed(serve(dir.path(), args), "").refused(code);
    let missing = refused(&["--www", "--data", "data"], 4);
    assert!(
        missing.contains("cargo xtask pack") && missing.contains("www or "),
        "{missing}"
    );
    site(dir.path());
    fs::remove_file(dir.path().join("www/selvedge/selvedge.wasm")).unwrap();
    let unpacked = refused(&["--www", "www", "--data", "data"], 4);
    assert!(unpacked.contains("cargo xtask pack"), "{unpacked}");
    assert!(!dir.path().join("data").exists(), "no data were made");
    let old = refused(&["--www", "--dialect", "1.1", "--data", "data"], 2);
    assert!(old.contains("--dialect 1.1"), "{old}");
}
