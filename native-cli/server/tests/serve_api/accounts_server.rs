//! The accounts server over a real socket, by a small client written from the protocol.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use selvedge_core::crypto::hawk::{Credentials, Key, authorization, payload_hash};
use selvedge_core::crypto::hkdf;
use selvedge_server::{Location, Options, Registration, invite};
use serde_json::{Value, json};

use crate::client::{Reply, Running, fresh, seconds};

const OLDSYNC: &str = "https://identity.mozilla.com/apps/oldsync";
const FIREFOX: &str = "5882386c6d801776";

async fn serve(registration: Registration) -> Running {
    Running::with(Options {
        accounts: Some(registration),
        ..Options::default()
    })
    .await
}

fn bytes(value: &Value) -> [u8; 32] {
    let text = value.as_str().unwrap();
    let digits: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    digits.try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parts of a token: id, request key, bundle key.
fn derive(token: &Value, kind: &str) -> [[u8; 32]; 3] {
    let label = format!("identity.mozilla.com/picl/v1/{kind}");
    let derived = hkdf::derive::<96>(&bytes(token), b"", label.as_bytes());
    [0, 32, 64].map(|from| derived[from..from + 32].try_into().unwrap())
}

struct Api<'a> {
    http: &'a Client,
    url: String,
}

impl Api<'_> {
    fn of(running: &Running) -> Api<'_> {
        Api {
            http: &running.http,
            url: format!("{}/v1", running.url),
        }
    }

    async fn send(&self, method: Method, path: &str, auth: Option<String>, body: &str) -> Reply {
        let mut request = self
            .http
            .request(method, format!("{}/{path}", self.url))
            .header("content-type", "application/json");
        if let Some(auth) = auth {
            request = request.header("authorization", auth);
        }
        Reply::read(request.body(body.to_owned()).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, None, &body.to_string()).await
    }

    async fn bearer(&self, method: Method, path: &str, session: &Value, body: &str) -> Reply {
        let [id, ..] = derive(session, "sessionToken");
        let auth = format!("Bearer fxs_{}", hex(&id));
        self.send(method, path, Some(auth), body).await
    }

    /// A request signed with Hawk; the body that is sent may differ from the signed one.
    async fn hawk(&self, path: &str, token: &Value, kind: &str, signed: &str, sent: &str) -> Reply {
        let [id, key, _] = derive(token, kind);
        let credentials = Credentials {
            id: hex(&id),
            key: Key::from_bytes(&key),
        };
        let (method, hash) = if signed.is_empty() {
            (Method::GET, None)
        } else {
            let hash = payload_hash("application/json", signed.as_bytes());
            (Method::POST, Some(hash))
        };
        let url = format!("{}/{path}", self.url);
        let nonce = format!("nonce{}", fresh());
        let auth = authorization(
            &credentials,
            method.as_str(),
            &url,
            seconds(),
            &nonce,
            hash.as_deref(),
            None,
        );
        self.send(method, path, Some(auth.unwrap()), sent).await
    }

    async fn create(&self, email: &str, auth_pw: u8) -> Reply {
        let body = json!({"email": email, "authPW": hex(&[auth_pw; 32])});
        self.post("account/create?keys=true", body).await
    }

    async fn login(&self, email: &str, auth_pw: u8) -> Reply {
        let body = json!({"email": email, "authPW": hex(&[auth_pw; 32]), "reason": "login"});
        self.post("account/login?keys=true", body).await
    }

    /// kA and wrapKb.
    async fn keys(&self, token: &Value) -> (Vec<u8>, Vec<u8>) {
        let reply = self
            .hawk("account/keys", token, "keyFetchToken", "", "")
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let bundle = reply.json()["bundle"].as_str().unwrap().to_owned();
        let [_, _, key] = derive(token, "keyFetchToken");
        let keys = hkdf::derive::<96>(&key, b"", b"identity.mozilla.com/picl/v1/account/keys");
        let halves: Vec<u8> = (0..2)
            .flat_map(|half| bytes(&json!(bundle[half * 64..half * 64 + 64])))
            .zip(&keys[32..])
            .map(|(byte, pad)| byte ^ pad)
            .collect();
        (halves[..32].to_vec(), halves[32..].to_vec())
    }
}

fn errno(reply: &Reply) -> (u16, u64) {
    let body = reply.json();
    assert_eq!(body["code"], reply.status.as_u16());
    assert!(!body["error"].as_str().unwrap().is_empty(), "{body}");
    assert!(reply.header("timestamp").parse::<u64>().is_ok());
    (reply.status.as_u16(), body["errno"].as_u64().unwrap())
}

#[tokio::test]
async fn a_person_registers_signs_in_and_gets_the_same_keys() {
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    let made = api.create("Alice@example.org", 1).await;
    assert_eq!(made.status, 200, "{made:?}");
    let first = api.keys(&made.json()["keyFetchToken"]).await;
    let login = api.login("alice@example.org", 1).await;
    assert_eq!(login.status, 200, "{login:?}");
    let login = login.json();
    assert_eq!(login["uid"], made.json()["uid"]);
    assert_eq!(login["verified"], true);
    assert_eq!(api.keys(&login["keyFetchToken"]).await, first);
    let session = &login["sessionToken"];
    let status = api
        .hawk("session/status", session, "sessionToken", "", "")
        .await;
    assert_eq!(status.json()["uid"], login["uid"], "{status:?}");
    let status = api.bearer(Method::GET, "session/status", session, "").await;
    assert_eq!(status.json()["state"], "verified");
    let body = json!({"client_id": FIREFOX, "scope": OLDSYNC}).to_string();
    let data = api
        .hawk(
            "account/scoped-key-data",
            session,
            "sessionToken",
            &body,
            &body,
        )
        .await;
    let data = data.json();
    assert!(
        data[OLDSYNC]["keyRotationTimestamp"].as_u64().unwrap() > 0,
        "{data}"
    );
    let email = api
        .bearer(Method::GET, "recovery_email/status", session, "")
        .await;
    assert_eq!(email.json()["email"], "Alice@example.org");
    let uid = login["uid"].as_str().unwrap();
    for (uid, exists) in [(uid, true), ("0123", false)] {
        let path = format!("account/status?uid={uid}");
        let reply = api.send(Method::GET, &path, None, "").await;
        assert_eq!(reply.json()["exists"], exists);
    }
}

#[tokio::test]
async fn both_versions_of_a_password_give_the_key_that_the_client_chose() {
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    let salt = format!(
        "identity.mozilla.com/picl/v1/quickStretchV2:{}",
        "ab".repeat(16)
    );
    let body = json!({
        "email": "v2@example.org", "authPW": hex(&[1; 32]), "wrapKb": hex(&[11; 32]),
        "authPWVersion2": hex(&[2; 32]), "wrapKbVersion2": hex(&[12; 32]), "clientSalt": salt,
    });
    let made = api.post("account/create", body).await;
    assert_eq!(made.status, 200, "{made:?}");
    for (auth_pw, name, wrap) in [(1, "keyFetchToken", 11), (2, "keyFetchTokenVersion2", 12)] {
        let login = api.login("v2@example.org", auth_pw).await.json();
        assert_eq!(api.keys(&login[name]).await.1, vec![wrap; 32]);
    }
    let status = async |email: &str| {
        let reply = api.post("account/credentials/status", json!({"email": email}));
        reply.await.json()
    };
    let known = status("V2@example.org").await;
    assert_eq!(known["clientSalt"], salt);
    assert_eq!(known["upgradeNeeded"], false);
    assert_eq!(status("nobody@example.org").await["currentVersion"], "v1");
}

#[tokio::test]
async fn each_error_has_its_number() {
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    let made = api.create("a@example.org", 1).await.json();
    let session = &made["sessionToken"];
    let password = hex(&[1; 32]);
    for (path, body, expected) in [
        ("account/create", "{".to_owned(), (400, 106)),
        (
            "account/create",
            json!({"authPW": password}).to_string(),
            (400, 108),
        ),
        (
            "account/create",
            json!({"email": 7, "authPW": password}).to_string(),
            (400, 107),
        ),
        (
            "account/create",
            json!({"email": "b", "authPW": "00"}).to_string(),
            (400, 107),
        ),
        (
            "account/create",
            json!({"email": "A@EXAMPLE.ORG", "authPW": password}).to_string(),
            (400, 101),
        ),
        (
            "account/create",
            json!({"email": "c", "authPW": password, "authPWVersion2": password}).to_string(),
            (400, 108),
        ),
        (
            "account/login",
            json!({"email": "a@example.org"}).to_string(),
            (400, 108),
        ),
        ("session/destroy", "{}".to_owned(), (401, 110)),
        (
            "account/login",
            format!("\"{}\"", "x".repeat(20_000)),
            (413, 113),
        ),
        ("no/such/path", "{}".to_owned(), (404, 116)),
    ] {
        let reply = api.send(Method::POST, path, None, &body).await;
        assert_eq!(errno(&reply), expected, "{path} {body:.60}");
    }
    for (body, expected) in [
        (
            json!({"client_id": "0000000000000000", "scope": OLDSYNC}),
            (400, 162),
        ),
        (
            json!({"client_id": FIREFOX, "scope": "profile"}),
            (400, 163),
        ),
    ] {
        let path = "account/scoped-key-data";
        let reply = api
            .bearer(Method::POST, path, session, &body.to_string())
            .await;
        assert_eq!(errno(&reply), expected, "{body}");
    }
    // A signature of another body, and one by another key.
    let reply = api
        .hawk(
            "session/destroy",
            session,
            "sessionToken",
            "{}",
            "{\"a\":1}",
        )
        .await;
    assert_eq!(errno(&reply), (401, 109));
    let [id, ..] = derive(session, "sessionToken");
    let forged = Credentials {
        id: hex(&id),
        key: Key::from_bytes(&[7; 32]),
    };
    let url = format!("{}/session/status", api.url);
    let auth = authorization(&forged, "GET", &url, seconds(), "forged", None, None).unwrap();
    let reply = api
        .send(Method::GET, "session/status", Some(auth), "")
        .await;
    assert_eq!(errno(&reply), (401, 109));
}

#[tokio::test]
async fn tokens_work_once_or_until_sign_out_and_only_for_their_owner() {
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    let alice = api.create("alice", 1).await.json();
    let mallory = api.create("mallory", 2).await.json();
    let fetch = &alice["keyFetchToken"];
    api.keys(fetch).await;
    let again = api
        .hawk("account/keys", fetch, "keyFetchToken", "", "")
        .await;
    assert_eq!(errno(&again), (401, 110), "the keys are given once");
    // A token of another kind is no session.
    let [id, ..] = derive(&mallory["keyFetchToken"], "keyFetchToken");
    let auth = format!("Bearer fxs_{}", hex(&id));
    let reply = api
        .send(Method::GET, "session/status", Some(auth), "")
        .await;
    assert_eq!(errno(&reply), (401, 110));
    // Another person's session cannot be ended.
    let [id, ..] = derive(&alice["sessionToken"], "sessionToken");
    let body = json!({"customSessionToken": hex(&id)}).to_string();
    let reply = api
        .bearer(
            Method::POST,
            "session/destroy",
            &mallory["sessionToken"],
            &body,
        )
        .await;
    assert_eq!(errno(&reply), (401, 110));
    let session = &alice["sessionToken"];
    for (path, method, expected) in [
        ("session/status", Method::GET, 200),
        ("session/destroy", Method::POST, 200),
        ("session/status", Method::GET, 401),
        ("session/destroy", Method::POST, 401),
    ] {
        let reply = api.bearer(method, path, session, "").await;
        assert_eq!(reply.status, expected, "{path}");
    }
}

#[tokio::test]
async fn registration_is_closed_by_invitation_or_open() {
    let directory = tempfile::tempdir().unwrap();
    let closed = serve(Registration::Closed).await;
    assert_eq!(errno(&Api::of(&closed).create("a", 1).await), (403, 202));
    let running = Running::with(Options {
        accounts: Some(Registration::Invite),
        data: Location::Directory(directory.path().to_owned()),
        ..Options::default()
    })
    .await;
    let api = Api::of(&running);
    let week = Duration::from_secs(7 * 24 * 3600);
    let invitation = invite(directory.path().to_owned(), week).await.unwrap();
    let with = |email: &str, invitation: &str| {
        let auth_pw = hex(&[1; 32]);
        api.post(
            "account/create",
            json!({"email": email, "authPW": auth_pw, "invitation": invitation}),
        )
    };
    assert_eq!(errno(&api.create("a", 1).await), (403, 202));
    assert_eq!(errno(&with("a", &"A".repeat(43)).await), (403, 202));
    assert_eq!(with("a", &invitation).await.status, 200);
    assert_eq!(errno(&with("b", &invitation).await), (403, 202), "once");
    assert_eq!(
        errno(&with("a", &"A".repeat(43)).await),
        (403, 202),
        "reveals nothing"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_server_without_accounts_has_no_such_paths() {
    let running = Running::start().await;
    let reply = Api::of(&running).create("a", 1).await;
    assert_eq!(errno(&reply), (404, 116));
    for (accounts, status) in [(None, 404), (Some(Registration::Closed), 200)] {
        let running = Running::with(Options {
            accounts,
            ..Options::default()
        })
        .await;
        let url = format!("{}/.well-known/fxa-client-configuration", running.url);
        let reply = Reply::read(running.http.get(url).send().await.unwrap()).await;
        assert_eq!(reply.status, status);
        if status == 200 {
            assert_eq!(reply.json()["auth_server_base_url"], running.url);
        }
    }
}

#[tokio::test]
async fn guessing_is_limited_and_an_unknown_account_looks_like_a_wrong_password() {
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    api.create("known", 1).await;
    let mut replies = Vec::new();
    for email in ["known", "unknown"] {
        let started = Instant::now();
        let mut seen = Vec::new();
        for _ in 0..11 {
            let reply = api.login(email, 9).await;
            seen.push((errno(&reply), reply.json()["message"].clone()));
        }
        replies.push((seen, started.elapsed()));
    }
    let [(known, time), (unknown, other_time)] = &replies[..] else {
        panic!("two accounts");
    };
    assert_eq!(known, unknown);
    assert_eq!(known[9].0, (400, 103));
    assert_eq!(known[10].0, (429, 114));
    // Both hash the password ten times; without that the unknown one would take a hundredth of the time.
    let ratio = time.as_secs_f64() / other_time.as_secs_f64();
    assert!((0.2..5.0).contains(&ratio), "{time:?} {other_time:?}");
    let locked = api.login("known", 1).await;
    assert_eq!(errno(&locked), (429, 114), "also for the right password");
    assert_eq!(
        locked.json()["retryAfter"].to_string(),
        locked.header("retry-after")
    );
}

#[tokio::test]
async fn registrations_of_one_address_are_limited() {
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    let mut made = 0;
    for number in 0..200 {
        let reply = api.create(&format!("person{number}"), 1).await;
        if reply.status == 200 {
            made += 1;
        } else {
            assert_eq!(errno(&reply), (429, 114));
        }
    }
    assert_eq!(made, 20);
}

#[tokio::test]
async fn an_access_token_opens_the_storage_until_it_is_revoked() {
    const KID: &str = "1000-AAAAAAAAAAAAAAAAAAAAAA";
    let running = serve(Registration::Open).await;
    let api = Api::of(&running);
    let session = api.create("alice", 1).await.json()["sessionToken"].clone();
    let ask = async |scope: &str| {
        let body = json!({
            "grant_type": "fxa-credentials", "client_id": FIREFOX, "scope": scope, "ttl": 21_600,
        });
        let body = body.to_string();
        let reply = api.hawk("oauth/token", &session, "sessionToken", &body, &body);
        reply.await
    };
    assert_eq!(errno(&ask("other").await), (400, 163));
    assert_eq!(errno(&ask("").await), (400, 163));
    let answer = ask(OLDSYNC).await.json();
    assert_eq!(answer["expires_in"], 21_600);
    let access = answer["access_token"].as_str().unwrap().to_owned();
    let get = async |access: &str| {
        crate::client::token(&running.http, &running.url, access, KID, "").await
    };
    let granted = get(&access).await;
    assert_eq!(granted.status, 200, "{granted:?}");
    let user = crate::client::User::from_token(&running.http, &granted.json());
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 200);
    let profile = ask("profile").await.json()["access_token"].clone();
    let profile = profile.as_str().unwrap();
    assert_eq!(get(profile).await.status, 401, "no token for the storage");
    let verified = api.post("verify", json!({"token": access})).await.json();
    assert_eq!(
        (&verified["scope"][0], &verified["client_id"]),
        (&json!(OLDSYNC), &json!(FIREFOX))
    );
    let read = api
        .send(
            Method::GET,
            "profile",
            Some(format!("Bearer {profile}")),
            "",
        )
        .await;
    assert_eq!(read.json()["email"], "alice");
    let read = api
        .send(Method::GET, "profile", Some(format!("Bearer {access}")), "")
        .await;
    assert_eq!(errno(&read), (401, 110), "another scope");
    // Another server that trusts this issuer reads its keys.
    let keys = api.send(Method::GET, "jwks", None, "").await.json();
    assert_eq!(keys["keys"][0]["alg"], "RS256");
    for token in [json!(access), json!("unknown"), Value::Null] {
        let destroyed = api.post(
            "oauth/destroy",
            json!({"client_id": FIREFOX, "token": token}),
        );
        assert_eq!(destroyed.await.json(), json!({}));
    }
    let after = get(&access).await;
    assert_eq!(
        (after.status.as_u16(), &after.json()["status"]),
        (401, &json!("invalid-credentials"))
    );
    assert_eq!(
        errno(&api.post("verify", json!({"token": access})).await),
        (400, 108)
    );
}

mod oauth {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    /// Of the verifier, from RFC 7636 appendix B.
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn ask(more: Value) -> Value {
        let mut body = json!({
            "client_id": FIREFOX, "scope": format!("{OLDSYNC} profile"), "state": "a&b", "access_type": "offline",
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", "keys_jwe": "e.y.J",
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    fn redeem(code: &Value, verifier: &str) -> Value {
        json!({"grant_type": "authorization_code", "client_id": FIREFOX, "code": code, "code_verifier": verifier})
    }

    #[tokio::test]
    async fn a_code_works_once_and_only_with_its_verifier() {
        let running = serve(Registration::Open).await;
        let api = Api::of(&running);
        let session = api.create("alice@example.org", 1).await.json()["sessionToken"].clone();
        let authorize = async |more| {
            let body = ask(more).to_string();
            api.bearer(Method::POST, "oauth/authorization", &session, &body)
                .await
        };
        for (more, expected) in [
            (json!({"client_id": "0123456789abcdef"}), (400, 162)),
            (json!({"scope": "https://other.example/scope"}), (400, 163)),
            (json!({"code_challenge_method": "plain"}), (400, 169)),
            (json!({"code_challenge": null}), (400, 169)),
            (json!({"state": "s".repeat(513)}), (400, 107)),
            (json!({"keys_jwe": "j".repeat(1025)}), (400, 107)),
            (json!({"response_type": "token"}), (400, 107)),
            (json!({"redirect_uri": "https://evil.example/"}), (400, 107)),
        ] {
            assert_eq!(errno(&authorize(more.clone()).await), expected, "{more}");
        }
        let without = api.post("oauth/authorization", ask(json!({}))).await;
        assert_eq!(errno(&without), (401, 110));

        let made = authorize(json!({})).await.json();
        assert_eq!(made["state"], "a&b");
        let redirect = made["redirect"].as_str().unwrap();
        assert!(redirect.ends_with("&state=a%26b"), "{redirect}");
        let wrong = api
            .post("oauth/token", redeem(&made["code"], "another"))
            .await;
        assert_eq!(errno(&wrong), (400, 175));
        let mut other = redeem(&made["code"], VERIFIER);
        other["client_id"] = json!("e7ce535d93522896");
        assert_eq!(errno(&api.post("oauth/token", other).await), (400, 173));
        let granted = api
            .post("oauth/token", redeem(&made["code"], VERIFIER))
            .await;
        assert_eq!(granted.status, 200, "{granted:?}");
        let granted = granted.json();
        assert_eq!(granted["keys_jwe"], "e.y.J");
        let again = api
            .post("oauth/token", redeem(&made["code"], VERIFIER))
            .await;
        assert_eq!(errno(&again), (400, 172));

        let refresh = json!({
            "grant_type": "refresh_token", "client_id": FIREFOX, "refresh_token": granted["refresh_token"],
            "scope": "profile",
        });
        let renewed = api.post("oauth/token", refresh.clone()).await.json();
        assert_eq!(renewed["scope"], "profile");
        let verified = api
            .post("verify", json!({"token": renewed["access_token"]}))
            .await;
        assert_eq!(verified.json()["scope"], json!(["profile"]));
        let mut more = refresh.clone();
        more["scope"] = json!("profile:email");
        assert_eq!(errno(&api.post("oauth/token", more).await), (400, 163));
        let destroy = json!({"client_id": FIREFOX, "token": granted["refresh_token"]});
        assert_eq!(api.post("oauth/destroy", destroy).await.status, 200);
        assert_eq!(errno(&api.post("oauth/token", refresh).await), (400, 182));
    }

    #[tokio::test]
    async fn of_concurrent_uses_of_a_code_one_succeeds() {
        let running = serve(Registration::Open).await;
        let api = Api::of(&running);
        let session = api.create("alice@example.org", 1).await.json()["sessionToken"].clone();
        let body = ask(json!({})).to_string();
        let made = api.bearer(Method::POST, "oauth/authorization", &session, &body);
        let body = redeem(&made.await.json()["code"], VERIFIER);
        let uses = (0..8).map(|_| api.post("oauth/token", body.clone()));
        let replies = futures_util::future::join_all(uses).await;
        let succeeded = replies.iter().filter(|reply| reply.status == 200);
        assert_eq!(succeeded.count(), 1);
    }
}

mod devices {
    use super::*;

    #[tokio::test]
    async fn devices_are_registered_get_commands_and_end_with_their_session() {
        let running = serve(Registration::Open).await;
        let api = Api::of(&running);
        let one = api.create("alice@example.org", 1).await.json()["sessionToken"].clone();
        let two = api.login("alice@example.org", 1).await.json()["sessionToken"].clone();
        let stranger = api.create("bob@example.org", 2).await.json()["sessionToken"].clone();
        let post = async |session: &Value, path: &str, body: Value| {
            api.bearer(Method::POST, path, session, &body.to_string())
                .await
        };
        let register =
            json!({"name": "Laptop", "type": "desktop", "availableCommands": {"open": "key"}});
        let laptop = post(&one, "account/device", register).await.json();
        let phone = json!({"name": "Phone", "type": "mobile"});
        let phone = post(&two, "account/device", phone).await.json();
        let renamed = post(&one, "account/device", json!({"name": "Desk"}))
            .await
            .json();
        assert_eq!(
            (&renamed["id"], &renamed["name"]),
            (&laptop["id"], &json!("Desk"))
        );
        let other = post(&one, "account/device", json!({"id": phone["id"]})).await;
        assert_eq!(errno(&other), (400, 124));
        for bad in [
            json!({"name": "a\u{7}b"}),
            json!({"type": "x".repeat(17)}),
            json!({"availableCommands": {"open": 1}}),
            json!({"availableCommands": {"open": "x".repeat(2049)}}),
            json!({"pushCallback": 5}),
        ] {
            assert_eq!(
                errno(&post(&one, "account/device", bad.clone()).await),
                (400, 107),
                "{bad}"
            );
        }

        let listed = api
            .bearer(Method::GET, "account/devices", &two, "")
            .await
            .json();
        let names: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one["name"].as_str().unwrap(),
                    one["isCurrentDevice"].as_bool().unwrap(),
                )
            })
            .collect();
        assert!(
            names.contains(&("Desk", false)) && names.contains(&("Phone", true)),
            "{names:?}"
        );
        let strangers = api
            .bearer(Method::GET, "account/devices", &stranger, "")
            .await;
        assert_eq!(strangers.json(), json!([]));

        let send = |target: &Value, command: &str| json!({"target": target, "command": command, "payload": {"n": 1}});
        let path = "account/devices/invoke_command";
        assert_eq!(
            errno(&post(&two, path, send(&laptop["id"], "close")).await),
            (400, 157)
        );
        assert_eq!(
            errno(&post(&stranger, path, send(&laptop["id"], "open")).await),
            (400, 123)
        );
        for _ in 0..3 {
            let sent = post(&two, path, send(&laptop["id"], "open")).await;
            assert_eq!(sent.json()["enqueued"], true);
        }
        let commands = async |query: &str| {
            let path = format!("account/device/commands?{query}");
            api.bearer(Method::GET, &path, &one, "").await.json()
        };
        let first = commands("index=0&limit=2").await;
        assert_eq!(
            (&first["index"], &first["last"]),
            (&json!(2), &json!(false))
        );
        let data = &first["messages"][0]["data"];
        assert_eq!(
            data,
            &json!({"command": "open", "payload": {"n": 1}, "sender": phone["id"]})
        );
        let rest = commands("index=3").await;
        assert_eq!((&rest["index"], &rest["last"]), (&json!(3), &json!(true)));
        assert_eq!(rest["messages"].as_array().unwrap().len(), 1);

        let attached = api
            .bearer(Method::GET, "account/attached_clients", &one, "")
            .await
            .json();
        // The session of the registration, and that of the sign-in.
        assert_eq!(attached.as_array().unwrap().len(), 2, "{attached:#}");
        let gone = post(&one, "account/device/destroy", json!({"id": phone["id"]})).await;
        assert_eq!(gone.status, 200);
        let ended = api.bearer(Method::GET, "session/status", &two, "").await;
        assert_eq!(errno(&ended), (401, 110));
        assert_eq!(
            errno(
                &post(
                    &stranger,
                    "account/device/destroy",
                    json!({"id": laptop["id"]})
                )
                .await
            ),
            (400, 123)
        );
        let destroyed = post(&one, "session/destroy", json!({})).await;
        assert_eq!(destroyed.status, 200);
        let third = api.login("alice@example.org", 1).await.json()["sessionToken"].clone();
        let left = api.bearer(Method::GET, "account/devices", &third, "").await;
        assert_eq!(left.json(), json!([]));
    }
}

mod password {
    use super::*;

    /// kB as the password of `auth_pw` wraps it, for a client whose unwrapping key is that byte.
    fn unwrapped(wrap: &[u8], with: u8) -> Vec<u8> {
        wrap.iter().map(|byte| byte ^ with).collect()
    }

    #[tokio::test]
    async fn a_change_keeps_kb_and_ends_everything_else() {
        let running = serve(Registration::Open).await;
        let api = Api::of(&running);
        let made = api.create("alice@example.org", 1).await.json();
        let session = made["sessionToken"].clone();
        let kb = unwrapped(&api.keys(&made["keyFetchToken"]).await.1, 1);
        let other = api.login("alice@example.org", 1).await.json()["sessionToken"].clone();
        let device = json!({"name": "Phone", "type": "mobile"}).to_string();
        api.bearer(Method::POST, "account/device", &other, &device)
            .await;
        let bob = api.create("bob@example.org", 5).await.json()["sessionToken"].clone();

        let start = async |session: &Value, email: &str, old: u8| {
            let body = json!({"email": email, "oldAuthPW": hex(&[old; 32])}).to_string();
            api.bearer(Method::POST, "password/change/start", session, &body)
                .await
        };
        assert_eq!(
            errno(&start(&session, "alice@example.org", 9).await),
            (400, 103)
        );
        // Nobody changes another person's password, even with that password.
        assert_eq!(
            errno(&start(&bob, "alice@example.org", 1).await),
            (400, 103)
        );
        let started = start(&session, "alice@example.org", 1).await.json();
        let wrapped = api.keys(&started["keyFetchToken"]).await.1;
        assert_eq!(unwrapped(&wrapped, 1), kb);
        let body = json!({
            "authPW": hex(&[2; 32]), "wrapKb": hex(&unwrapped(&kb, 2)), "sessionToken": "0".repeat(64),
        });
        let finish = async || {
            let body = body.to_string();
            let path = "password/change/finish?keys=true";
            let token = &started["passwordChangeToken"];
            api.hawk(path, token, "passwordChangeToken", &body, &body)
                .await
        };
        // The token of a change is none for the keys, and the other way round.
        let swapped = api
            .hawk(
                "account/keys",
                &started["passwordChangeToken"],
                "keyFetchToken",
                "",
                "",
            )
            .await;
        assert_eq!(errno(&swapped), (401, 110));
        let finished = finish().await;
        assert_eq!(finished.status, 200, "{finished:?}");
        let finished = finished.json();
        assert_eq!(errno(&finish().await), (401, 110), "a token works once");

        assert_eq!(errno(&api.login("alice@example.org", 1).await), (400, 103));
        let login = api.login("alice@example.org", 2).await.json();
        let keys = api.keys(&login["keyFetchToken"]).await.1;
        assert_eq!(unwrapped(&keys, 2), kb, "kB is kept");
        for old in [&session, &other] {
            let ended = api.bearer(Method::GET, "session/status", old, "").await;
            assert_eq!(errno(&ended), (401, 110));
        }
        let new = &finished["sessionToken"];
        let devices = api.bearer(Method::GET, "account/devices", new, "").await;
        assert_eq!(devices.json(), json!([]));
    }

    #[tokio::test]
    async fn an_account_ends_with_its_password_only() {
        let running = serve(Registration::Open).await;
        let api = Api::of(&running);
        let session = api.create("alice@example.org", 1).await.json()["sessionToken"].clone();
        api.create("bob@example.org", 5).await;
        let destroy = async |email: &str, auth_pw: u8| {
            let body = json!({"email": email, "authPW": hex(&[auth_pw; 32])}).to_string();
            api.bearer(Method::POST, "account/destroy", &session, &body)
                .await
        };
        assert_eq!(errno(&destroy("alice@example.org", 2).await), (400, 103));
        assert_eq!(errno(&destroy("bob@example.org", 5).await), (400, 103));
        assert_eq!(destroy("alice@example.org", 1).await.status, 200);
        assert_eq!(errno(&api.login("alice@example.org", 1).await), (400, 103));
        assert_eq!(api.login("bob@example.org", 5).await.status, 200);
        let again = api.create("alice@example.org", 3).await;
        assert_eq!(again.status, 200, "the address is free again");
    }
}
