//! A real Firefox, headless and without an accounts server, which syncs with the server of a test.
//!
//! `chrome.js` replaces only the signed-in user: the user, the scoped key, the OAuth token, the list of devices and push.
//! Everything else is Firefox's own: the client of the token server, Hawk, the record crypto, engines and merging.

mod marionette;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use self::marionette::Marionette;
use crate::{Device, Server};

const CHROME: &str = include_str!("chrome.js");
const PREFS: &str = include_str!("prefs.js");
const START: Duration = Duration::from_secs(120);
const SCRIPT: Duration = Duration::from_secs(180);
/// Calls a function of `chrome.js`, and returns the result of its promise.
const CALL: &str = "const [name, args, done] = arguments; \
    Promise.resolve().then(() => window.selvedge(name, args)).then( \
        (value) => done({ value: value ?? null }), \
        (error) => done({ error: `${error}\\n${error?.stack}` }));";

/// A running Firefox with a new profile. It is stopped when the value is dropped.
#[derive(Debug)]
pub struct Firefox {
    marionette: Marionette,
    process: Process,
    // Removed last, after the process has ended.
    _dir: TempDir,
}

/// A child process that is killed when the value is dropped.
#[derive(Debug)]
struct Process(Child);

impl Firefox {
    /// The program: the path in `SELVEDGE_FIREFOX`, or `firefox-esr` in PATH; `None` if it is not installed.
    ///
    /// Other builds may have the modules that `chrome.js` loads in other places, or cannot use a profile in a temporary directory.
    #[must_use]
    pub fn installed() -> Option<PathBuf> {
        if let Some(path) = std::env::var_os("SELVEDGE_FIREFOX") {
            let path = PathBuf::from(path);
            assert!(
                path.is_file(),
                "SELVEDGE_FIREFOX names no file: {}",
                path.display()
            );
            return Some(path);
        }
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders)
            .map(|folder| folder.join("firefox-esr"))
            .find(|path| path.is_file())
    }

    /// Starts Firefox with this server's token server, and waits for its window.
    #[must_use]
    pub fn start(program: &Path, server: &Server) -> Self {
        let token_server = format!("{}/1.0/sync/1.5", server.url());
        Self::with_prefs(
            program,
            &[("identity.sync.tokenserver.uri", json!(token_server))],
        )
    }

    /// Starts Firefox with this server as its accounts server, and waits for its window.
    #[must_use]
    pub fn with_accounts_server(program: &Path, server: &Server) -> Self {
        let prefs = [
            (
                "identity.fxaccounts.autoconfig.uri",
                json!(server.url().trim_end_matches('/')),
            ),
            ("identity.fxaccounts.allowHttp", json!(true)),
        ];
        Self::with_prefs(program, &prefs)
    }

    fn with_prefs(program: &Path, prefs: &[(&str, Value)]) -> Self {
        let lines = prefs
            .iter()
            .map(|(name, value)| format!("user_pref({}, {value});\n", json!(name)));
        let prefs: String = std::iter::once(PREFS.to_owned()).chain(lines).collect();
        let dir = TempDir::new().expect("a directory can be created");
        let profile = dir.path().join("profile");
        std::fs::create_dir(&profile)
            .and_then(|()| std::fs::write(profile.join("user.js"), prefs))
            .expect("a profile can be written");
        let child = Command::new(program)
            .args(["--headless", "--no-remote", "--marionette"])
            .args(["--remote-allow-system-access", "--profile"])
            .arg(&profile)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", dir.path())
            .env("MOZ_CRASHREPORTER_DISABLE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut process = Process(child.expect("Firefox starts"));
        let mut marionette = process.connect(&profile.join("MarionetteActivePort"));
        let script = json!({ "script": SCRIPT.as_millis() });
        marionette.command("WebDriver:NewSession", &json!({ "capabilities": {} }));
        marionette.command("WebDriver:SetTimeouts", &script);
        marionette.command("Marionette:SetContext", &json!({ "value": "chrome" }));
        marionette.command("WebDriver:ExecuteScript", &in_window(CHROME, &json!([])));
        Self {
            marionette,
            process,
            _dir: dir,
        }
    }

    /// Signs in to the account of this device, and waits for Firefox's first sync.
    #[track_caller]
    pub fn sign_in(&mut self, device: &Device) -> FirefoxSynced {
        let credentials =
            std::fs::read(device.path("credentials.json")).expect("the device has an account");
        let credentials: Value =
            serde_json::from_slice(&credentials).expect("credentials are JSON");
        let account = json!({
            "uid": "0123456789abcdef0123456789abcdef",
            "scopedKey": { "kty": "oct", "k": credentials["ksync_b64url"], "kid": credentials["kid"] },
            "accessToken": credentials["access_token"],
            "deviceId": "fedcba9876543210fedcba9876543210",
            "deviceName": "Firefox of the test",
        });
        FirefoxSynced::of(self.call("signIn", &json!([account])))
    }

    /// Syncs, as the button does.
    ///
    /// # Panics
    /// If the sync, an engine or a record fails.
    #[track_caller]
    pub fn sync(&mut self) -> FirefoxSynced {
        FirefoxSynced::of(self.call("sync", &json!([])))
    }

    /// Opens the page on which people sign in, as Firefox's menu does, and waits until it is ready.
    ///
    /// # Panics
    /// If the page is not that of `server`.
    pub fn open_sign_in(&mut self, server: &Server) {
        let address = self.call("openSignIn", &json!([]));
        assert!(
            address
                .as_str()
                .is_some_and(|address| address.starts_with(server.url())),
            "{address}"
        );
        self.in_page(|marionette| {
            let handles = marionette.command("WebDriver:GetWindowHandles", &json!({}));
            for handle in handles.as_array().into_iter().flatten() {
                marionette.command("WebDriver:SwitchToWindow", &json!({ "handle": handle }));
                let found = marionette.command("WebDriver:GetCurrentURL", &json!({}));
                if found["value"] == address {
                    return;
                }
            }
            panic!("no tab shows {address}");
        });
        self.element("body[data-ready]");
    }

    /// Types a text into a field of the page.
    pub fn fill_in(&mut self, selector: &str, text: &str) {
        let id = self.element(selector);
        let keys = json!({ "id": id, "text": text });
        self.in_page(|marionette| marionette.command("WebDriver:ElementSendKeys", &keys));
    }

    /// Clicks on an element of the page.
    pub fn click(&mut self, selector: &str) {
        let id = self.element(selector);
        self.in_page(|marionette| {
            marionette.command("WebDriver:ElementClick", &json!({ "id": id }))
        });
    }

    /// Waits until the page has an element, and returns its id.
    fn element(&mut self, selector: &str) -> Value {
        let timeouts = json!({ "implicit": START.as_millis() });
        let query = json!({ "using": "css selector", "value": selector });
        self.in_page(|marionette| {
            marionette.command("WebDriver:SetTimeouts", &timeouts);
            let found = marionette.command("WebDriver:FindElement", &query);
            let mut ids = found["value"]
                .as_object()
                .into_iter()
                .flat_map(|ids| ids.values());
            ids.next().cloned().expect("an element has an id")
        })
    }

    /// Does something in the page, not in Firefox's window.
    fn in_page<T>(&mut self, run: impl FnOnce(&mut Marionette) -> T) -> T {
        let context = |value: &str| json!({ "value": value });
        let marionette = &mut self.marionette;
        marionette.command("Marionette:SetContext", &context("content"));
        let done = run(marionette);
        marionette.command("Marionette:SetContext", &context("chrome"));
        done
    }

    /// Waits for the first sync after a sign-in by the page, and returns its result with the signed-in `user`.
    #[track_caller]
    pub fn signed_in(&mut self) -> FirefoxSynced {
        FirefoxSynced::of(self.call("signedIn", &json!([])))
    }

    /// Calls a function of `chrome.js` with a list of arguments.
    ///
    /// # Panics
    /// If that function throws.
    #[track_caller]
    pub fn call(&mut self, name: &str, args: &Value) -> Value {
        let script = in_window(CALL, &json!([name, args]));
        let answer = self
            .marionette
            .command("WebDriver:ExecuteAsyncScript", &script);
        let mut answer = answer["value"].clone();
        assert!(answer["error"].is_null(), "{name}: {}", answer["error"]);
        answer["value"].take()
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        self.marionette.quit();
        self.process.end();
    }
}

impl Process {
    /// Connects to the port that Firefox writes into this file when it listens.
    fn connect(&mut self, file: &Path) -> Marionette {
        let timeout = SCRIPT + Duration::from_secs(20);
        let end = Instant::now() + START;
        while Instant::now() < end {
            // A partly written file is not a number, or not the port.
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if let Ok(port) = text.trim().parse()
                && let Ok(marionette) = Marionette::connect(port, timeout)
            {
                return marionette;
            }
            if let Ok(Some(status)) = self.0.try_wait() {
                panic!("Firefox ended before it listened: {status}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("Firefox did not listen in {} seconds", START.as_secs());
    }

    /// Waits some seconds for the end, and then kills the process.
    fn end(&mut self) {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if let Ok(Some(_)) = self.0.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

fn in_window(script: &str, args: &Value) -> Value {
    json!({ "script": script, "args": args, "sandbox": "system", "newSandbox": false })
}

/// The result of Firefox's syncs, from its observer notifications.
#[derive(Debug, Clone)]
pub struct FirefoxSynced(pub Value);

impl FirefoxSynced {
    /// Checks that the sync, every engine and every record succeeded, in both directions, and that Firefox's validators found
    /// no problem on the server.
    #[track_caller]
    fn of(result: Value) -> Self {
        let good = json!({ "login": "success.login", "service": "success.status_ok", "sync": "success.sync", "engines": {} });
        assert_eq!(result["status"], good, "{result:#}");
        assert_eq!(result["errors"], json!([]), "{result:#}");
        for (what, count) in [
            ("applied", "failed"),
            ("applied", "newFailed"),
            ("uploaded", "failed"),
        ] {
            for (name, counts) in entries(&result[what]) {
                assert_eq!(counts[count], 0, "{name} {what} {count}: {result:#}");
            }
        }
        for (name, problems) in entries(&result["problems"]) {
            assert_eq!(*problems, json!([]), "{name}: {result:#}");
        }
        Self(result)
    }

    /// Number of records of a collection that Firefox applied.
    #[must_use]
    pub fn applied(&self, collection: &str) -> u64 {
        self.0["applied"][collection]["applied"]
            .as_u64()
            .unwrap_or(0)
    }

    /// Number of records of a collection that Firefox uploaded.
    #[must_use]
    pub fn sent(&self, collection: &str) -> u64 {
        self.0["uploaded"][collection]["sent"].as_u64().unwrap_or(0)
    }
}

fn entries(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}
