//! An accounts server and a token server in one, written from `docs/protocol/accounts-api.md`, independently of the
//! client. It checks every MAC, every hash and every field, and answers as its state says.

mod hawk;
mod http;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use selvedge_tests::{Account, MasterSecret};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::http::Asked;

const SCOPE: &str = "https://identity.mozilla.com/apps/oldsync";
const CLIENT: &str = "5882386c6d801776";
const UID: &str = "00112233445566778899aabbccddeeff";
const SALT_V2: &str =
    "identity.mozilla.com/picl/v1/quickStretchV2:3593062e3593b04081f8ac5edcfc6e48";
const ROTATED: u64 = 1_700_000_000_123;
const KB: [u8; 32] = [0x5a; 32];

/// The state of the server, which tests change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) email: String,
    pub(super) password: String,
    /// Whether the password is stretched with version 2.
    pub(super) is_v2: bool,
    /// `totp-2fa`, `email-otp`, or none.
    pub(super) second_factor: Option<&'static str>,
    /// Whether logins need an unblock code.
    pub(super) is_blocked: bool,
    /// Whether the account exists.
    pub(super) exists: bool,
    /// How far the server's clock is ahead, in seconds.
    pub(super) ahead: i64,
    /// The next answers to requests whose path contains the text: status, body.
    pub(super) failures: Vec<(String, u16, String)>,
    /// The paths of all requests in their order.
    pub(super) requests: Vec<String>,
    /// How long access tokens live, in seconds.
    pub(super) token_life: u64,
    session: Option<String>,
    is_verified: bool,
    key_fetch: Option<String>,
    refresh: Vec<String>,
    pub(super) access: Vec<String>,
    device: Option<Value>,
    commands: Vec<Value>,
    drawn: u64,
}

pub(super) struct FakeAccountsServer {
    url: String,
    state: Arc<Mutex<State>>,
}

struct Storage {
    url: String,
    secret: MasterSecret,
}

fn derive<const N: usize>(ikm: &[u8], info: &str) -> [u8; N] {
    let mut out = [0; N];
    let info = format!("identity.mozilla.com/picl/v1/{info}");
    Hkdf::<Sha256>::new(None, ikm)
        .expand(info.as_bytes(), &mut out)
        .unwrap();
    out
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// PBKDF2 with one block, as RFC 8018 describes it.
fn stretch(password: &str, salt: &str, rounds: u32) -> [u8; 32] {
    let mut block = hmac(password.as_bytes(), &[salt.as_bytes(), &[0, 0, 0, 1]]);
    let mut out = block;
    for _ in 1..rounds {
        block = hmac(password.as_bytes(), &[&block]);
        for (to, from) in out.iter_mut().zip(block) {
            *to ^= from;
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

fn error(status: u16, errno: u32, more: &Value) -> (u16, Value) {
    let mut body = json!({"code": status, "errno": errno, "error": "Refused", "message": "refused", "info": "https://x"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    (status, body)
}

impl State {
    fn draw(&mut self) -> String {
        self.drawn += 1;
        hex(&Sha256::digest(self.drawn.to_be_bytes()))
    }

    fn stretched(&self) -> [u8; 32] {
        if self.is_v2 {
            // The vector, because 650,000 rounds are slow without optimisation.
            let vectors: Value =
                serde_json::from_str(include_str!("../../../vectors/onepw.json")).unwrap();
            let case = &vectors["cases"][4];
            assert_eq!(
                (case["client_salt"].as_str(), case["password"].as_str()),
                (Some(SALT_V2), Some(self.password.as_str()))
            );
            unhex(case["stretched_pw"].as_str().unwrap())
                .try_into()
                .unwrap()
        } else {
            let salt = format!("identity.mozilla.com/picl/v1/quickStretch:{}", self.email);
            stretch(&self.password, &salt, 1000)
        }
    }

    /// Forgets the sessions, as a new password, a removed device or a deleted account does.
    pub(super) fn end_sessions(&mut self) {
        self.session = None;
        self.refresh.clear();
        self.access.clear();
        self.device = None;
    }

    /// Forgets the access tokens and, of the grants, all.
    pub(super) fn revoke_grants(&mut self) {
        self.refresh.clear();
        self.access.clear();
    }

    fn login(&mut self, asked: &Value) -> (u16, Value) {
        for (name, value) in asked.as_object().unwrap() {
            let known = [
                "email",
                "authPW",
                "reason",
                "verificationMethod",
                "unblockCode",
                "originalLoginEmail",
            ];
            assert!(
                known.contains(&name.as_str()) && value.is_string(),
                "{name}"
            );
        }
        assert_eq!(asked["reason"], "login");
        let email = asked["email"].as_str().unwrap();
        if !self.exists || !email.eq_ignore_ascii_case(&self.email) {
            return error(400, 102, &json!({"email": email}));
        }
        if self.is_blocked {
            match asked["unblockCode"].as_str() {
                None => {
                    return error(
                        429,
                        114,
                        &json!({"retryAfter": 900, "verificationMethod": "email-captcha"}),
                    );
                }
                Some("ABCD1234") => {}
                Some(_) => return error(400, 127, &json!({})),
            }
        }
        let stretched = self.stretched();
        if asked["authPW"] != hex(&derive::<32>(&stretched, "authPW")) {
            return if email == self.email {
                error(400, 103, &json!({"email": email}))
            } else {
                error(400, 120, &json!({"email": self.email}))
            };
        }
        let (session, key_fetch) = (self.draw(), self.draw());
        self.session = Some(session.clone());
        self.key_fetch = Some(key_fetch.clone());
        self.is_verified = self.second_factor.is_none();
        self.device = None;
        let mut reply = json!({
            "uid": UID, "sessionToken": session, "authAt": 1_700_000_000, "metricsEnabled": true,
            "emailVerified": true, "sessionVerified": self.is_verified, "verified": self.is_verified,
        });
        reply[if self.is_v2 {
            "keyFetchTokenVersion2"
        } else {
            "keyFetchToken"
        }] = key_fetch.into();
        if let Some(method) = self.second_factor {
            reply["verificationMethod"] = method.into();
            reply["verificationReason"] = "login".into();
        }
        (200, reply)
    }

    /// The bundle of `account/keys`: kA and the wrapped kB, encrypted and with a MAC.
    fn keys(&mut self) -> (u16, Value) {
        if !self.is_verified {
            return error(400, 104, &json!({}));
        }
        let token = unhex(&self.key_fetch.take().unwrap());
        let bundle_key = derive::<96>(&token, "keyFetchToken")[64..].to_vec();
        let wrapped = xor(&KB, &derive::<32>(&self.stretched(), "unwrapBkey"));
        let keys = derive::<96>(&bundle_key, "account/keys");
        let ciphertext = xor(&[[0x11; 32].to_vec(), wrapped].concat(), &keys[32..]);
        let mac = hmac(&keys[..32], &[&ciphertext]);
        (
            200,
            json!({"bundle": hex(&[ciphertext, mac.to_vec()].concat())}),
        )
    }

    fn token(&mut self, asked: &Value, is_session: bool) -> (u16, Value) {
        if asked["client_id"] != CLIENT {
            return error(400, 162, &json!({}));
        }
        assert_eq!(asked["scope"], SCOPE);
        let mut reply =
            json!({"token_type": "bearer", "scope": SCOPE, "expires_in": self.token_life});
        match asked["grant_type"].as_str().unwrap() {
            "fxa-credentials" => {
                assert!(is_session, "this grant is authenticated by the session");
                assert_eq!(asked["access_type"], "offline");
                if !self.is_verified {
                    return error(400, 138, &json!({}));
                }
                let refresh = self.draw();
                self.refresh.push(refresh.clone());
                reply["refresh_token"] = refresh.into();
                reply["auth_at"] = 1_700_000_000.into();
            }
            "refresh_token" => {
                assert!(!is_session, "this grant needs no session");
                let token = asked["refresh_token"].as_str().unwrap();
                if !self.refresh.iter().any(|known| known == token) {
                    return error(401, 110, &json!({}));
                }
            }
            other => panic!("{other}"),
        }
        let access = self.draw();
        self.access.push(access.clone());
        reply["access_token"] = access.into();
        (200, reply)
    }

    fn register(&mut self, asked: &Value) -> (u16, Value) {
        assert!(asked["name"].as_str().unwrap().len() <= 255);
        for (name, value) in asked["availableCommands"].as_object().unwrap() {
            assert!(name.len() <= 100 && value.as_str().unwrap().len() <= 2048);
            let value: Value = serde_json::from_str(value.as_str().unwrap()).unwrap();
            assert_eq!(value["kid"], hex(&Sha256::digest(KB)[..16]));
        }
        if asked["id"].is_string()
            && self
                .device
                .as_ref()
                .is_none_or(|device| device["id"] != asked["id"])
        {
            return error(400, 123, &json!({}));
        }
        let mut device = asked.clone();
        device["id"] = "ab".repeat(16).into();
        device["pushEndpointExpired"] = false.into();
        self.device = Some(device.clone());
        (200, device)
    }

    /// Answers one request; `path` is below `/v1/`.
    fn answer(&mut self, asked: &Asked, path: &str) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = || -> Value { serde_json::from_slice(&asked.body).unwrap() };
        let is_session = match asked.authorization() {
            None => false,
            Some(_) => {
                let (kind, token) = match path {
                    "account/keys" => ("keyFetchToken", self.key_fetch.clone()),
                    _ => ("sessionToken", self.session.clone()),
                };
                let Some(token) = token else {
                    return error(401, 110, &json!({}));
                };
                let derived = derive::<96>(&unhex(&token), kind);
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap()
                    .as_secs();
                let now = now.saturating_add_signed(self.ahead);
                match hawk::check(asked, &hex(&derived[..32]), &derived[32..64], now) {
                    hawk::Verdict::Right => true,
                    hawk::Verdict::OtherToken => return error(401, 110, &json!({})),
                    hawk::Verdict::Clock => return error(401, 111, &json!({"serverTime": now})),
                }
            }
        };
        match (asked.method.as_str(), path) {
            ("POST", "account/credentials/status") if !self.exists => error(400, 102, &json!({})),
            ("POST", "account/credentials/status") if self.is_v2 => (
                200,
                json!({"currentVersion": "v2", "clientSalt": SALT_V2, "upgradeNeeded": false}),
            ),
            ("POST", "account/credentials/status") => {
                (200, json!({"currentVersion": "v1", "upgradeNeeded": true}))
            }
            ("POST", "account/login") => {
                assert_eq!(query, "keys=true");
                self.login(&body())
            }
            ("POST", "account/login/send_unblock_code") => (200, json!({})),
            ("POST", "account/status") => (200, json!({"exists": self.exists})),
            ("POST", "oauth/destroy") => {
                self.refresh.retain(|token| body()["token"] != *token);
                (200, json!({}))
            }
            ("POST", "oauth/token") => self.token(&body(), is_session),
            _ if !is_session => error(401, 110, &json!({})),
            ("GET", "session/status") => {
                let state = if self.is_verified {
                    "verified"
                } else {
                    "unverified"
                };
                (200, json!({"state": state, "uid": UID}))
            }
            ("POST", "session/verify/totp") => {
                self.is_verified |= body()["code"] == "123456";
                (200, json!({"success": self.is_verified}))
            }
            ("POST", "session/verify_code") if body()["code"] == "654321" => {
                self.is_verified = true;
                (200, json!({}))
            }
            ("POST", "session/verify_code") => error(400, 183, &json!({})),
            ("POST", "session/destroy") => {
                self.end_sessions();
                (200, json!({}))
            }
            ("GET", "account/keys") => self.keys(),
            ("POST", "account/scoped-key-data") => {
                assert_eq!(body(), json!({"client_id": CLIENT, "scope": SCOPE}));
                (
                    200,
                    json!({SCOPE: {"identifier": SCOPE, "keyRotationSecret": "00".repeat(32), "keyRotationTimestamp": ROTATED}}),
                )
            }
            ("POST", "account/device") => self.register(&body()),
            ("GET", "account/devices") => {
                let mut devices: Vec<Value> = self.device.iter().cloned().collect();
                for device in &mut devices {
                    device["isCurrentDevice"] = true.into();
                }
                // Another device with the same keys: what is sent to it, this one can read.
                if let Some(mut other) = self.device.clone() {
                    other["id"] = "cd".repeat(16).into();
                    other["name"] = "Phone".into();
                    other["isCurrentDevice"] = false.into();
                    devices.push(other);
                }
                (200, devices.into())
            }
            ("GET", "account/attached_clients") => (
                200,
                json!([{"clientId": CLIENT, "deviceId": null, "isCurrentSession": true, "name": "selvedge", "userAgent": ""}]),
            ),
            ("POST", "account/devices/invoke_command") => {
                let asked = body();
                assert!(asked["payload"]["encrypted"].is_string());
                let index = self.commands.len() as u64 + 1;
                self.commands.push(json!({
                    "index": index,
                    "data": {"command": asked["command"], "payload": asked["payload"], "sender": "ef".repeat(16)},
                }));
                (200, json!({"enqueued": true, "notified": true}))
            }
            ("GET", "account/device/commands") => {
                let from: u64 = query
                    .split('&')
                    .find_map(|part| part.strip_prefix("index="))
                    .unwrap()
                    .parse()
                    .unwrap();
                let messages: Vec<_> = self
                    .commands
                    .iter()
                    .filter(|message| message["index"].as_u64().unwrap() >= from)
                    .collect();
                (
                    200,
                    json!({"index": self.commands.len(), "last": true, "messages": messages}),
                )
            }
            (method, path) => panic!("{method} {path} is not a request of the protocol"),
        }
    }

    fn storage_token(&self, asked: &Asked, storage: &Storage) -> (u16, Value) {
        let refused = |status: &str| (401, json!({"status": status, "errors": []}));
        let token = asked
            .header("Authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.access.iter().any(|known| known == token)) {
            return refused("invalid-credentials");
        }
        let fingerprint = Base64UrlUnpadded::encode_string(&Sha256::digest(KB)[..16]);
        if asked.header("X-KeyID") != Some(&format!("{ROTATED}-{fingerprint}")) {
            return refused("invalid-client-state");
        }
        (
            200,
            storage
                .secret
                .credentials(&storage.url, &Account::new(7), 3600),
        )
    }
}

impl FakeAccountsServer {
    /// Starts a server for one account, `me@example.org` with the password `pw`, whose storage is at `storage_url`.
    pub(super) fn start(storage_url: &str, secret: MasterSecret) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            email: "me@example.org".into(),
            password: "pw".into(),
            is_v2: false,
            second_factor: None,
            is_blocked: false,
            exists: true,
            ahead: 0,
            failures: Vec::new(),
            requests: Vec::new(),
            token_life: 21_600,
            session: None,
            is_verified: false,
            key_fetch: None,
            refresh: Vec::new(),
            access: Vec::new(),
            device: None,
            commands: Vec::new(),
            drawn: 0,
        }));
        let storage = Arc::new(Storage {
            url: storage_url.into(),
            secret,
        });
        let (of_thread, own) = (Arc::clone(&state), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, storage, own) =
                    (Arc::clone(&of_thread), Arc::clone(&storage), own.clone());
                std::thread::spawn(move || {
                    http::serve(stream, |asked| reply(&state, &storage, &own, asked))
                });
            }
        });
        Self { url, state }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn reply(state: &Mutex<State>, storage: &Storage, own: &str, asked: &Asked) -> http::Answer {
    let mut state = state.lock().unwrap();
    state
        .requests
        .push(format!("{} {}", asked.method, asked.target));
    let failing = state
        .failures
        .iter()
        .position(|(path, ..)| asked.target.contains(path.as_str()));
    let (status, body) = match failing {
        Some(at) => {
            let (_, status, body) = state.failures.remove(at);
            (status, body)
        }
        None => {
            let (status, body) = match asked.target.as_str() {
                "/.well-known/fxa-client-configuration" => (
                    200,
                    json!({"auth_server_base_url": own, "oauth_server_base_url": own,
                        "profile_server_base_url": own, "sync_tokenserver_base_url": own}),
                ),
                "/1.0/sync/1.5" => state.storage_token(asked, storage),
                target => match target.strip_prefix("/v1/") {
                    Some(path) => state.answer(asked, path),
                    None => error(404, 999, &json!({})),
                },
            };
            (status, body.to_string())
        }
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    http::Answer {
        status,
        body,
        timestamp: now.saturating_add_signed(state.ahead),
    }
}
