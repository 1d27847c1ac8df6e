//! The set-up of every scenario, and functions that read both sides.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use selvedge_tests::{Device, Firefox, FirefoxSynced, Server, counted, skipped};
use serde_json::{Map, Value, json};

/// Records by their ids.
pub(crate) type Rows = BTreeMap<String, Value>;

/// A server, a device with a new account, and a new Firefox that can sign in to the account.
pub(crate) struct Scene {
    pub(crate) device: Device,
    pub(crate) firefox: Firefox,
    pub(crate) server: Server,
}

/// Maximum number of Firefoxes that run at once: each takes about half a gigabyte.
const MAX_FIREFOXES: u32 = 2;

/// One of the Firefoxes that may run. A scenario that fails gives it back too.
struct Permit;

static RUNNING: Mutex<u32> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Permit {
    fn wait() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = ENDED.wait_while(running, |running| *running >= MAX_FIREFOXES);
        *running.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// Runs a scenario if Firefox is installed, and counts those of this process that passed.
pub(crate) fn scenario(run: impl FnOnce(&mut Scene)) {
    with_firefox(|program| {
        let server = Server::start();
        let (device, _code) = Device::first(&server);
        let firefox = Firefox::start(program, &server);
        run(&mut Scene {
            device,
            firefox,
            server,
        });
    });
}

/// Runs a scenario with the program Firefox, if it is installed, and counts those of this process that passed.
pub(crate) fn with_firefox(run: impl FnOnce(&Path)) {
    static PASSED: Mutex<u32> = Mutex::new(0);
    let Some(program) = Firefox::installed() else {
        return skipped("Firefox (firefox-esr)");
    };
    let _permit = Permit::wait();
    run(&program);
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    *passed += 1;
    counted("Firefox scenarios passed", *passed);
}

impl Scene {
    /// Signs Firefox in.
    #[track_caller]
    pub(crate) fn sign_in(&mut self) -> FirefoxSynced {
        self.firefox.sign_in(&self.device)
    }

    /// Waits until the clock has passed the server's times of a collection's records: a burst of writes gets times up to one
    /// second ahead, and these times decide which of two changes is later.
    pub(crate) fn pass_times_of(&self, collection: &str) {
        let times = self.envelopes(collection);
        let times = times.values().filter_map(|one| one["modified"].as_f64());
        let latest = times.fold(0.0, f64::max);
        let is_past = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.expect("it is after 1970").as_secs_f64() > latest
        };
        while !is_past() {
            std::thread::yield_now();
        }
    }

    /// Calls a function of `chrome.js`.
    #[track_caller]
    pub(crate) fn ask<const N: usize>(&mut self, name: &str, args: [Value; N]) -> Value {
        self.firefox.call(name, &Value::from(args.to_vec()))
    }

    /// Syncs all collections of the device, and checks that no record failed.
    #[track_caller]
    pub(crate) fn sync_device(&self) -> Value {
        let report = self.device.run(&["--json", "sync"]).outcome().ok().json();
        assert_eq!(report["outcome"], "success", "{report:#}");
        for collection in report["collections"].as_array().expect("a list") {
            assert_eq!(collection["failed"], 0, "{report:#}");
        }
        report
    }

    /// Syncs Firefox and the device alternately, until each has the other's result.
    #[track_caller]
    pub(crate) fn sync_both(&mut self) {
        self.firefox.sync();
        self.sync_device();
        self.firefox.sync();
        self.sync_device();
    }

    /// Puts a record on the device.
    #[track_caller]
    pub(crate) fn put(&self, collection: &str, record: &Value) {
        let put = self.device.run(&["records", "put", collection]);
        let _done = put.stdin(record.to_string()).outcome().ok();
    }

    /// Changes fields of a record on the device.
    #[track_caller]
    pub(crate) fn edit(&self, collection: &str, id: &str, fields: &Value) {
        let edit = self.device.run(&["records", "edit", collection, id]);
        let _done = edit.stdin(fields.to_string()).outcome().ok();
    }

    /// Deletes a record on the device.
    #[track_caller]
    pub(crate) fn delete(&self, collection: &str, id: &str) {
        let delete = ["records", "delete", collection, "--", id];
        let _done = self.device.run(&delete).outcome().ok();
    }

    /// A collection on the device.
    #[track_caller]
    pub(crate) fn rows(&self, collection: &str) -> Rows {
        self.list(&[
            "records",
            "list",
            collection,
            "--format",
            "jsonl",
            "--show-secrets",
        ])
    }

    /// A collection on the server, decrypted.
    #[track_caller]
    pub(crate) fn on_server(&self, collection: &str) -> Rows {
        self.list(&[
            "records",
            "list",
            collection,
            "--remote",
            "--format",
            "jsonl",
            "--show-secrets",
        ])
    }

    /// The envelopes of a collection on the server: with the time of each record, and encrypted.
    #[track_caller]
    pub(crate) fn envelopes(&self, collection: &str) -> Rows {
        self.list(&[
            "records", "list", collection, "--remote", "--raw", "--format", "jsonl",
        ])
    }

    #[track_caller]
    fn list(&self, args: &[&str]) -> Rows {
        let listed = self.device.run(args).outcome().ok();
        let rows = listed.stdout.lines().map(|line| {
            let row: Value = serde_json::from_str(line).expect("each line is a JSON object");
            (text(&row["id"]), row)
        });
        rows.collect()
    }

    /// The account's meta/global.
    #[track_caller]
    pub(crate) fn meta_global(&self) -> Value {
        let get = ["records", "get", "meta", "global", "--remote", "--raw"];
        let envelope = self.device.run(&get).outcome().ok().json();
        serde_json::from_str(&text(&envelope["payload"])).expect("meta/global is JSON")
    }

    /// Checks that both sides have the same logins, and returns them.
    #[track_caller]
    pub(crate) fn same_passwords(&mut self) -> Rows {
        let here = picked(self.rows("passwords"), ["hostname", "username", "password"]);
        let there = rows(self.ask("passwords.all", []));
        let there = picked(there, ["origin", "username", "password"]);
        assert_eq!(here, there);
        assert_eq!(
            here,
            picked(
                self.on_server("passwords"),
                ["hostname", "username", "password"]
            )
        );
        here
    }

    /// Checks that both sides have the same bookmarks in the same folders and the same order, and returns their titles and
    /// addresses.
    #[track_caller]
    pub(crate) fn same_bookmarks(&mut self) -> Rows {
        let ours = self.rows("bookmarks");
        assert_eq!(ours, self.on_server("bookmarks"));
        let theirs = rows(self.ask("bookmarks.all", []));
        let mut here = Rows::new();
        for (id, record) in &ours {
            let children = record["children"].as_array().into_iter().flatten();
            for (index, child) in children.enumerate() {
                let child = text(child);
                let record = &ours[&child];
                assert_eq!(record["parentid"], json!(id), "the parent of {child}");
                let url = record.get("bmkUri").unwrap_or(&Value::Null);
                // A separator has no title.
                let title = record.get("title").unwrap_or(&Value::Null);
                let title = title.as_str().unwrap_or_default();
                let row = json!([long_root(id), index, title, url]);
                assert!(
                    here.insert(long_root(&child), row).is_none(),
                    "{child} twice"
                );
            }
        }
        let mut there = Rows::new();
        for (id, row) in theirs {
            let parent = row["parent"].as_str().unwrap_or_default();
            if !matches!(parent, "" | "root________") {
                let row = json!([
                    parent,
                    row["index"],
                    row["title"],
                    row.get("url").unwrap_or(&Value::Null)
                ]);
                there.insert(id, row);
            }
        }
        assert_eq!(here, there);
        here
    }
}

/// The ids of the roots have twelve characters in Firefox's own database.
fn long_root(id: &str) -> String {
    match id {
        "menu" | "toolbar" | "unfiled" | "mobile" => format!("{id:_<12}"),
        _ => id.to_owned(),
    }
}

/// An object as rows.
#[track_caller]
pub(crate) fn rows(object: Value) -> Rows {
    let object: Map<String, Value> = serde_json::from_value(object).expect("an object");
    object.into_iter().collect()
}

/// Only these members of each row, as a list.
pub(crate) fn picked<const N: usize>(rows: Rows, members: [&str; N]) -> Rows {
    let pick = |row: Value| members.map(|name| row[name].clone()).to_vec().into();
    rows.into_iter().map(|(id, row)| (id, pick(row))).collect()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
