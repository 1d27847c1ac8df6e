//! A device: a profile of the program with its own store.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Account, Outcome, Run, Server};

/// A profile in its own directory, which the program creates.
#[derive(Debug)]
pub struct Device {
    dir: PathBuf,
    _parent: TempDir,
}

impl Default for Device {
    fn default() -> Self {
        let parent = TempDir::new().expect("a directory can be created");
        Self {
            dir: parent.path().join("profile"),
            _parent: parent,
        }
    }
}

impl Device {
    /// A device that creates an account on the server, and the join code for others.
    #[must_use]
    pub fn first(server: &Server) -> (Self, String) {
        let device = Self::default();
        let made = device
            .run(&["account", "create", "--server", server.url()])
            .outcome()
            .ok();
        let code = made.stdout.trim().to_owned();
        assert!(
            !code.is_empty() && !code.contains(char::is_whitespace),
            "the join code is one line: {made}"
        );
        (device, code)
    }

    /// A device that joins an account by its code.
    #[must_use]
    pub fn joining(code: &str) -> Self {
        let device = Self::default();
        let _done = device.run(&["account", "join", code]).outcome().ok();
        device
    }

    /// Two devices of one new account.
    #[must_use]
    pub fn pair(server: &Server) -> (Self, Self) {
        let (first, code) = Self::first(server);
        (first, Self::joining(&code))
    }

    /// A device that signs in to the accounts server of `server`.
    #[must_use]
    pub fn signed_in(server: &Server, email: &str, password: &str) -> Self {
        let device = Self::default();
        let login = [
            "account",
            "login",
            email,
            "--accounts",
            server.url(),
            "--password-stdin",
        ];
        let login = device.run(&login).stdin(format!("{password}\n"));
        let _done = login.outcome().ok();
        device
    }

    /// A device with a token that the test makes with the server's secret, valid for one hour.
    #[must_use]
    pub fn with_token(server: &Server, url: &str, account: &Account) -> Self {
        Self::with_credentials(&server.master_secret().credentials(url, account, 3600))
    }

    /// A device with these credentials.
    #[must_use]
    pub fn with_credentials(credentials: &Value) -> Self {
        let device = Self::default();
        device.use_credentials(credentials);
        device
    }

    /// Replaces the device's credentials; its records stay.
    pub fn use_credentials(&self, credentials: &Value) {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        std::fs::write(file.path(), credentials.to_string()).expect("a file can be written");
        let file = file
            .path()
            .to_str()
            .expect("temporary files have plain names");
        if self.path("credentials.json").exists() {
            let _done = self.run(&["account", "forget"]).outcome().ok();
        }
        let _done = self
            .run(&["account", "use", "--credentials", file])
            .outcome()
            .ok();
    }

    /// Uses the account of another device by its credentials.
    pub fn use_credentials_of(&self, other: &Self, args: &[&str]) {
        let file = other.path("credentials.json");
        let file = file.to_str().expect("temporary files have plain names");
        let args = [&["account", "use", "--credentials", file], args].concat();
        let _done = self.run(&args).outcome().ok();
    }

    /// Changes the stored state of the account, to simulate time or another version of the program.
    ///
    /// # Panics
    /// If it has never synced.
    pub fn change_state(&self, change: impl FnOnce(&mut Value)) {
        let store = rusqlite::Connection::open(self.path("store.sqlite")).expect("it has a store");
        let text: String = store
            .query_row("SELECT state FROM account", [], |row| row.get(0))
            .expect("it has synced");
        let mut state = serde_json::from_str(&text).expect("the state is JSON");
        change(&mut state);
        let changed = store
            .execute("UPDATE account SET state = ?1", [state.to_string()])
            .expect("the store can be written");
        assert_eq!(changed, 1);
    }

    /// The profile's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of the profile.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A command of this device.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Run {
        let profile = [OsString::from("--data-dir"), self.dir.clone().into()];
        Run::new(profile.into_iter().chain(args.iter().map(OsString::from)))
    }

    /// Syncs `notes`.
    ///
    /// # Panics
    /// If the sync is not completely successful.
    #[track_caller]
    pub fn sync(&self) -> Synced {
        Synced::of(&self.try_sync().ok())
    }

    /// Syncs `notes`, and returns the outcome, also of a failure.
    #[must_use]
    pub fn try_sync(&self) -> Outcome {
        self.run(&["--json", "sync", "notes"]).outcome()
    }

    /// Puts a record of `notes`.
    #[track_caller]
    pub fn put(&self, id: &str, record: &Value) {
        let _done = self
            .run(&["records", "put", "notes", id])
            .stdin(record.to_string())
            .outcome()
            .ok();
    }

    /// Changes fields of a record of `notes`.
    #[track_caller]
    pub fn edit(&self, id: &str, fields: &Value) {
        let _done = self
            .run(&["records", "edit", "notes", id])
            .stdin(fields.to_string())
            .outcome()
            .ok();
    }

    /// Deletes a record of `notes`.
    #[track_caller]
    pub fn delete(&self, id: &str) {
        let _done = self.run(&["records", "delete", "notes", id]).outcome().ok();
    }

    /// The records of `notes`, by their id.
    #[must_use]
    #[track_caller]
    pub fn notes(&self) -> BTreeMap<String, Value> {
        let listed = self
            .run(&["records", "list", "notes", "--format", "jsonl"])
            .outcome()
            .ok();
        let mut notes = BTreeMap::new();
        for line in listed.stdout.lines() {
            let record: Value = serde_json::from_str(line).expect("each line is a JSON object");
            let id = record["id"]
                .as_str()
                .expect("a record has an id")
                .to_owned();
            assert!(
                notes.insert(id, record).is_none(),
                "a record is listed twice: {line}"
            );
        }
        notes
    }

    /// Puts many records of `notes`, each with its own `id`.
    #[track_caller]
    pub fn put_many(&self, records: impl IntoIterator<Item = Value>) {
        let lines: String = records
            .into_iter()
            .map(|record| format!("{record}\n"))
            .collect();
        let _done = self
            .run(&["records", "put", "notes"])
            .stdin(lines)
            .outcome()
            .ok();
    }

    /// Number of records of `notes` that are not uploaded.
    #[must_use]
    #[track_caller]
    pub fn pending(&self) -> u64 {
        let status = self.run(&["--json", "status"]).outcome().ok().json();
        let collections = status["collections"]
            .as_array()
            .expect("the status lists collections")
            .clone();
        let notes = collections
            .iter()
            .find(|collection| collection["name"] == "notes");
        notes.map_or(0, |notes| {
            notes["pending"].as_u64().expect("pending is a number")
        })
    }
}

/// The report of a sync of `notes`.
#[derive(Debug, Clone)]
pub struct Synced {
    /// The whole report.
    pub report: Value,
}

impl Synced {
    /// The report on stdout.
    #[must_use]
    #[track_caller]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            report: outcome.json(),
        }
    }

    /// A number of the report.
    #[must_use]
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.report[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no number {name} in {}", self.report))
    }

    /// The part of the report on `notes`.
    #[must_use]
    #[track_caller]
    pub fn notes(&self) -> &Value {
        let collections = self.report["collections"]
            .as_array()
            .expect("the report lists collections");
        let notes = collections
            .iter()
            .find(|collection| collection["name"] == "notes");
        notes.unwrap_or_else(|| panic!("no notes in {}", self.report))
    }

    /// A number of the part on `notes`.
    #[must_use]
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        self.notes()[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no number {name} in {}", self.report))
    }

    /// The rules that the report names, by record.
    #[must_use]
    #[track_caller]
    pub fn rules(&self) -> Vec<(String, String)> {
        serde_json::from_value(self.notes()["rules"].clone()).expect("rules are pairs of texts")
    }
}
