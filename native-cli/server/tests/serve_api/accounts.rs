//! Accounts, invitations and the token server.

use std::time::Duration;

use reqwest::Client;
use selvedge_server::{Location, Options, invite, local_token};
use serde_json::json;

use crate::client::{Reply, Running, User, create_account, seconds, token};

const OLD: &str = "1000-AAAAAAAAAAAAAAAAAAAAAA";
const OLD_LATER: &str = "1500-AAAAAAAAAAAAAAAAAAAAAA";
const NEW: &str = "2000-AQEBAQEBAQEBAQEBAQEBAQ";
const NEW_SAME_TIME: &str = "1000-AQEBAQEBAQEBAQEBAQEBAQ";
const NEW_EARLIER: &str = "500-AQEBAQEBAQEBAQEBAQEBAQ";

struct Account {
    http: Client,
    url: String,
    access_token: String,
}

impl Account {
    async fn make(running: &Running, kid: &str) -> Self {
        let wanted = running.wanted(kid);
        let made = create_account(&running.http, &running.url, &wanted).await;
        assert_eq!(made.status, 201, "{made:?}");
        Self {
            http: running.http.clone(),
            url: running.url.clone(),
            access_token: made.json()["access_token"].as_str().unwrap().to_owned(),
        }
    }

    async fn token(&self, kid: &str) -> Reply {
        token(&self.http, &self.url, &self.access_token, kid, "").await
    }
}

fn refused(reply: &Reply, status: &str) {
    assert_eq!(reply.json()["status"], status, "{reply:?}");
    assert_eq!(reply.status, 401);
    let fault = &reply.json()["errors"][0];
    assert!(
        ["location", "name", "description"]
            .iter()
            .all(|name| fault[name].is_string()),
        "{reply:?}"
    );
    assert!(
        reply
            .header("x-timestamp")
            .parse::<u64>()
            .unwrap()
            .abs_diff(seconds())
            < 10
    );
}

#[tokio::test]
async fn an_account_gets_tokens_that_work() {
    let running = Running::start().await;
    let made = create_account(&running.http, &running.url, &json!({"kid": OLD})).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.json()["tokenserver_url"],
        format!("{}/1.0/sync/1.5", running.url)
    );
    let access_token = made.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(access_token.len(), 43);
    let answer = token(&running.http, &running.url, &access_token, OLD, "").await;
    let body = answer.json();
    assert_eq!(
        (&body["duration"], &body["hashalg"]),
        (&json!(3600), &json!("sha256"))
    );
    assert_eq!(
        body["api_endpoint"],
        format!("{}/1.5/{}", running.url, body["uid"])
    );
    assert!(
        answer
            .header("x-timestamp")
            .parse::<u64>()
            .unwrap()
            .abs_diff(seconds())
            < 10
    );
    let user = User::from_token(&running.http, &body);
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 200);
}

#[tokio::test]
async fn an_account_keeps_its_uid_and_tokens_differ() {
    let running = Running::start().await;
    let account = Account::make(&running, OLD).await;
    let (first, second) = (
        account.token(OLD).await.json(),
        account.token(OLD).await.json(),
    );
    assert_eq!(first["uid"], second["uid"]);
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["key"], second["key"]);
    let other = Account::make(&running, OLD).await.token(OLD).await.json();
    assert_ne!(first["uid"], other["uid"]);
}

#[tokio::test]
async fn each_wrong_credential_is_refused_by_its_name() {
    let running = Running::start().await;
    let account = Account::make(&running, OLD).await;
    let stranger = Account {
        access_token: "A".repeat(43),
        ..Account {
            http: running.http.clone(),
            url: running.url.clone(),
            access_token: String::new(),
        }
    };
    refused(&stranger.token(OLD).await, "invalid-credentials");
    for malformed in ["", "1000", "x-AAAAAAAAAAAAAAAAAAAAAA", "1000-AAAA"] {
        refused(&account.token(malformed).await, "invalid-credentials");
    }
    refused(&account.token(NEW_EARLIER).await, "invalid-keysChangedAt");
    refused(&account.token(NEW_SAME_TIME).await, "invalid-client-state");
    let url = format!("{}/1.0/sync/1.5", running.url);
    let without = Reply::read(running.http.get(&url).send().await.unwrap()).await;
    refused(&without, "error");
    let other_scheme = running.http.get(&url).basic_auth("a", Some("b"));
    refused(
        &Reply::read(other_scheme.send().await.unwrap()).await,
        "error",
    );
    let no_key_id = running.http.get(&url).bearer_auth(&account.access_token);
    let no_key_id = Reply::read(no_key_id.send().await.unwrap()).await;
    refused(&no_key_id, "invalid-key-id");
    let state = |state: &'static str| {
        let request = running.http.get(&url).bearer_auth(&account.access_token);
        request
            .header("x-keyid", OLD)
            .header("x-client-state", state)
            .send()
    };
    let agreeing = state("00000000000000000000000000000000").await.unwrap();
    assert_eq!(agreeing.status(), 200);
    assert_eq!(agreeing.headers()["x-content-type-options"], "nosniff");
    let malformed = Reply::read(state("a b").await.unwrap()).await;
    assert_eq!(
        (malformed.status.as_u16(), &malformed.json()["status"]),
        (400, &json!("error"))
    );
    let other = state("11111111111111111111111111111111").await.unwrap();
    refused(&Reply::read(other).await, "invalid-client-state");
}

#[tokio::test]
async fn a_newer_key_moves_the_account_to_an_empty_store_for_good() {
    let running = Running::start().await;
    let account = Account::make(&running, OLD).await;
    let old = account.token(OLD).await.json();
    User::from_token(&running.http, &old)
        .put("/storage/notes/a", json!({}))
        .await;
    let new = account.token(NEW).await.json();
    assert_ne!(old["uid"], new["uid"]);
    assert_eq!(
        User::from_token(&running.http, &new)
            .get("/storage/notes")
            .await
            .text(),
        "[]"
    );
    refused(&account.token(OLD).await, "invalid-client-state");
    refused(
        &account.token("3000-AAAAAAAAAAAAAAAAAAAAAA").await,
        "invalid-client-state",
    );
    assert_eq!(account.token(NEW).await.json()["uid"], new["uid"]);
}

#[tokio::test]
async fn a_later_time_for_the_same_key_moves_nothing() {
    let running = Running::start().await;
    let account = Account::make(&running, OLD).await;
    let uid = account.token(OLD).await.json()["uid"].clone();
    assert_eq!(account.token(OLD_LATER).await.json()["uid"], uid);
    refused(&account.token(OLD).await, "invalid-keysChangedAt");
}

#[tokio::test]
async fn a_duration_shortens_a_token_and_never_prolongs_it() {
    let running = Running::start().await;
    let account = Account::make(&running, OLD).await;
    for (query, expected) in [
        ("?duration=60", json!(60)),
        ("?duration=99999", json!(3600)),
        ("?duration=x", json!(3600)),
        ("?duration=0", json!(3600)),
    ] {
        let reply = token(
            &account.http,
            &account.url,
            &account.access_token,
            OLD,
            query,
        )
        .await;
        assert_eq!(reply.json()["duration"], expected, "{query}");
    }
}

#[tokio::test]
async fn a_malformed_request_for_an_account_is_refused() {
    let running = Running::start().await;
    for body in ["", "nonsense", "{}", "{\"kid\":5}", "{\"kid\":\"1000\"}"] {
        let reply = running
            .http
            .post(format!("{}/1.0/accounts", running.url))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 400, "{body}");
        assert_eq!(Reply::read(reply).await.json()["status"], "error");
    }
    let long = json!({"kid": OLD, "invitation": "x".repeat(5000)});
    assert_eq!(
        create_account(&running.http, &running.url, &long)
            .await
            .status,
        413
    );
}

#[tokio::test]
async fn behind_a_public_url_an_account_needs_an_invitation_that_works_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let options = Options {
        data: Location::Directory(data.clone()),
        public_url: Some("https://sync.example.org".into()),
        ..Options::default()
    };
    let running = Running::with(options).await;
    let create = async |invitation: Option<&str>| {
        let body = json!({"kid": OLD, "invitation": invitation});
        create_account(&running.http, &running.url, &body).await
    };
    for invitation in [
        None,
        Some("nonsense"),
        Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        let reply = create(invitation).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["status"]),
            (403, &json!("new-users-disabled")),
            "{invitation:?}"
        );
    }
    let invitation = invite(data.clone(), Duration::from_secs(60)).await.unwrap();
    let made = create(Some(&invitation)).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.json()["tokenserver_url"],
        "https://sync.example.org/1.0/sync/1.5"
    );
    assert_eq!(
        create(Some(&invitation)).await.status,
        403,
        "an invitation is good once"
    );
    let expired = invite(data, Duration::ZERO).await.unwrap();
    assert_eq!(create(Some(&expired)).await.status, 403);
}

#[tokio::test]
async fn the_files_hold_no_secret_and_are_the_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let running = Running::with(Options {
        data: Location::Directory(data.clone()),
        ..Options::default()
    })
    .await;
    let account = Account::make(&running, OLD).await;
    let key = account.token(OLD).await.json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let invitation = invite(data.clone(), Duration::from_secs(60)).await.unwrap();
    running.stop().await;
    let decoded =
        |text: &str| <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(text).unwrap();
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{path:?}");
        }
        for secret in [account.access_token.as_str(), &key, &invitation] {
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes()),
                "{path:?}"
            );
        }
        for secret in [decoded(&account.access_token), decoded(&invitation)] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret),
                "{path:?}"
            );
        }
    }
}

#[tokio::test]
async fn on_a_data_directory_an_account_needs_an_invitation_or_the_token_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let running = Running::with(Options {
        data: Location::Directory(data.clone()),
        ..Options::default()
    })
    .await;
    let create = async |invitation: Option<&str>| {
        let body = json!({"kid": OLD, "invitation": invitation});
        create_account(&running.http, &running.url, &body)
            .await
            .status
            .as_u16()
    };
    assert_eq!(create(None).await, 403);
    let invitation = invite(data.clone(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(create(Some(&invitation)).await, 201);
    assert_eq!(create(Some(&invitation)).await, 403);
    let token = local_token(&data).unwrap();
    for _again in 0..2 {
        assert_eq!(create(Some(&token)).await, 201);
    }
}

#[tokio::test]
async fn a_page_makes_no_account_on_a_server_in_memory_even_if_it_may_talk_to_it() {
    for allowed in [&[][..], &["*".to_owned()]] {
        let running = Running::with(Options {
            allow_origins: allowed.to_vec(),
            ..Options::default()
        })
        .await;
        for (name, value, status) in [
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "cross-site", 403),
            ("sec-fetch-mode", "cors", 201),
        ] {
            // As a form or `fetch` without a preflight sends it.
            let request = running
                .http
                .post(format!("{}/1.0/accounts", running.url))
                .header("content-type", "text/plain")
                .header(name, value)
                .body(json!({"kid": OLD}).to_string());
            assert_eq!(request.send().await.unwrap().status(), status, "{value}");
        }
    }
}

#[tokio::test]
async fn other_applications_and_versions_are_refused_as_json() {
    let running = Running::start().await;
    for (path, name) in [
        ("/1.0/foo/1.5", "application"),
        ("/1.0/sync/1.1", "version"),
    ] {
        let request = running.http.get(format!("{}{path}", running.url));
        let reply = Reply::read(request.send().await.unwrap()).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.json()["status"], "error");
        let fault = &reply.json()["errors"][0];
        assert_eq!(
            (&fault["location"], &fault["name"]),
            (&json!("url"), &json!(name))
        );
    }
}
