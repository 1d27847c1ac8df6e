//! What an operator does beside a running server.

use std::path::Path;

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
