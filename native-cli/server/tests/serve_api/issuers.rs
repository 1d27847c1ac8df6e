//! People whose accounts are at another issuer: `serve --issuer`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use rsa::pkcs8::EncodePrivateKey;
use selvedge_server::{Location, Options, invite};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{Reply, Running, User, seconds, token};

const OLDSYNC: &str = "https://identity.mozilla.com/apps/oldsync";
const KEY: &str = "1000-AAAAAAAAAAAAAAAAAAAAAA";
const NEWER: &str = "2000-AQEBAQEBAQEBAQEBAQEBAQ";

/// Two keys for the whole test program: making one takes a second.
fn keys() -> &'static [RsaKeyPair; 2] {
    static KEYS: OnceLock<[RsaKeyPair; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [(), ()].map(|()| {
            let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
            let key = rsa::PrivateKey::new(&mut random, 2048).unwrap();
            RsaKeyPair::from_pkcs8(key.to_pkcs8_der().unwrap().as_bytes()).unwrap()
        })
    })
}

fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn jwk(number: usize) -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(keys()[number].public_key());
    json!({
        "kty": "RSA", "kid": format!("key-{number}"), "use": "sig", "alg": "RS256",
        "n": base64url(&public.n),
        "e": base64url(&public.e),
    })
}

/// An issuer over a real socket.
struct Issuer {
    url: String,
    published: Arc<Mutex<Vec<Value>>>,
    key_requests: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Arc::new(Mutex::new(vec![jwk(0)]));
        let key_requests = Arc::new(AtomicUsize::new(0));
        let (base, keys, count) = (
            url.clone(),
            Arc::clone(&published),
            Arc::clone(&key_requests),
        );
        tokio::spawn(async move {
            loop {
                let Ok((mut socket, _)) = listener.accept().await else {
                    return;
                };
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                // Requests here are short: head and body are complete when the announced length has arrived.
                while !is_complete(&request) {
                    match socket.read(&mut chunk).await {
                        Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
                        _ => break,
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let (status, body) = answer(&text, &base, &keys, &count);
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(body.as_bytes()).await;
            }
        });
        Self {
            url,
            published,
            key_requests,
        }
    }

    fn sign(&self, number: usize, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let key = &keys()[number];
        let mut signature = vec![0; key.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        key.sign(
            &RSA_PKCS1_SHA256,
            &random,
            signed.as_bytes(),
            &mut signature,
        )
        .unwrap();
        format!("{signed}.{}", base64url(&signature))
    }

    fn claims(&self, subject: &str) -> Value {
        json!({
            "iss": self.url, "aud": "https://token.example", "client_id": "5882386c6d801776", "sub": subject,
            "scope": OLDSYNC, "iat": seconds(), "exp": seconds() + 600, "jti": "1",
        })
    }

    /// A token with changed claims.
    fn token(&self, subject: &str, changes: Value) -> String {
        let mut claims = self.claims(subject);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(0, &header(0), &claims)
    }

    async fn serve(&self, change: impl FnOnce(&mut Options)) -> Running {
        let mut options = Options {
            issuers: vec![format!("{}/", self.url)],
            allow_uids: vec!["alice".to_owned()],
            ..Options::default()
        };
        change(&mut options);
        Running::with(options).await
    }
}

fn header(number: usize) -> Value {
    json!({"alg": "RS256", "typ": "at+JWT", "kid": format!("key-{number}")})
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}

fn answer(
    request: &str,
    base: &str,
    keys: &Mutex<Vec<Value>>,
    key_requests: &AtomicUsize,
) -> (u16, Value) {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    match path {
        "/.well-known/fxa-client-configuration" => (
            200,
            json!({
                "auth_server_base_url": base, "oauth_server_base_url": base, "profile_server_base_url": base,
                "sync_tokenserver_base_url": base,
            }),
        ),
        "/.well-known/openid-configuration" => (
            200,
            json!({"issuer": base, "jwks_uri": format!("{base}/v1/jwks")}),
        ),
        "/v1/jwks" => {
            key_requests.fetch_add(1, Ordering::SeqCst);
            (200, json!({"keys": *keys.lock().unwrap()}))
        }
        "/v1/verify" => {
            let asked: Value = serde_json::from_str(body).unwrap();
            let opaque = |digit: &str| json!(digit.repeat(64));
            if asked["token"] == opaque("a") {
                (
                    200,
                    json!({"user": "alice", "client_id": "c", "scope": [OLDSYNC]}),
                )
            } else if asked["token"] == opaque("b") {
                (
                    200,
                    json!({"user": "alice", "client_id": "c", "scope": ["profile"]}),
                )
            } else {
                (
                    400,
                    json!({"code": 400, "errno": 108, "error": "Bad Request", "message": "Invalid token"}),
                )
            }
        }
        "/v1/email" if request.contains("mail-scope") || request.contains("earer ey") => {
            (200, json!({"email": "Carol@example.org"}))
        }
        _ => (
            404,
            json!({"code": 404, "errno": 116, "error": "Not Found"}),
        ),
    }
}

fn status(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    (
        reply.status.as_u16(),
        body["status"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn a_person_of_another_issuer_syncs_with_its_tokens() {
    let issuer = Issuer::start().await;
    let running = issuer.serve(|_| ()).await;
    let get = async |text: &str, kid| token(&running.http, &running.url, text, kid, "").await;
    let first = get(&issuer.token("alice", json!({})), KEY).await;
    assert_eq!(first.status, 200, "{first:?}");
    let user = User::from_token(&running.http, &first.json());
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 200);
    // The same person by a token that only the issuer can read.
    let opaque = get(&"a".repeat(64), KEY).await;
    assert_eq!(opaque.json()["uid"], first.json()["uid"], "{opaque:?}");
    // A new key is a new user of the storage.
    let moved = get(&issuer.token("alice", json!({})), NEWER).await;
    assert_eq!(moved.status, 200);
    assert_ne!(moved.json()["uid"], first.json()["uid"]);
    let old = get(&issuer.token("alice", json!({})), KEY).await;
    assert_eq!(status(&old), (401, "invalid-client-state".to_owned()));
    assert_eq!(
        issuer.key_requests.load(Ordering::SeqCst),
        1,
        "keys are cached"
    );
}

#[tokio::test]
async fn each_bad_token_is_refused() {
    let issuer = Issuer::start().await;
    let running = issuer.serve(|_| ()).await;
    let other = Issuer::start().await;
    let refused = (401, "invalid-credentials".to_owned());
    let valid = issuer.token("alice", json!({}));
    let mut tampered = issuer.token("mallory", json!({}));
    let signature = valid.rsplit_once('.').unwrap().1;
    tampered.truncate(tampered.rfind('.').unwrap() + 1);
    tampered.push_str(signature);
    let claims = issuer.claims("alice");
    let unsigned = format!(
        "{}.{}.",
        base64url(br#"{"alg":"none","typ":"at+jwt"}"#),
        base64url(claims.to_string().as_bytes())
    );
    for (what, text) in [
        ("another person's claims", tampered),
        ("no signature", unsigned),
        (
            "a key that is not published",
            issuer.sign(1, &header(0), &claims),
        ),
        (
            "an id token",
            issuer.sign(
                0,
                &json!({"alg": "RS256", "typ": "JWT", "kid": "key-0"}),
                &claims,
            ),
        ),
        (
            "another algorithm",
            issuer.sign(
                0,
                &json!({"alg": "HS256", "typ": "at+jwt", "kid": "key-0"}),
                &claims,
            ),
        ),
        (
            "expired",
            issuer.token("alice", json!({"exp": seconds() - 1})),
        ),
        (
            "another scope",
            issuer.token("alice", json!({"scope": "profile"})),
        ),
        (
            "a scope that only begins like it",
            issuer.token("alice", json!({"scope": format!("{OLDSYNC}.write")})),
        ),
        ("an unknown issuer", other.token("alice", json!({}))),
        ("unknown to /v1/verify", "c".repeat(64)),
        ("another scope by /v1/verify", "b".repeat(64)),
        ("no token", "x".to_owned()),
    ] {
        let reply = token(&running.http, &running.url, &text, KEY, "").await;
        assert_eq!(status(&reply), refused, "{what}");
    }
    let accepted = token(&running.http, &running.url, &valid, KEY, "").await;
    assert_eq!(accepted.status, 200);
}

#[tokio::test]
async fn a_password_change_ends_older_tokens() {
    let issuer = Issuer::start().await;
    let running = issuer.serve(|_| ()).await;
    let at = |generation: u64| issuer.token("alice", json!({"fxa-generation": generation}));
    for (what, text, kid, expected) in [
        ("first", at(1500), KEY, (200, "")),
        ("a later password", at(1600), KEY, (200, "")),
        (
            "the earlier one",
            at(1500),
            KEY,
            (401, "invalid-generation"),
        ),
        (
            "a key newer than the password",
            at(1700),
            NEWER,
            (401, "invalid-keysChangedAt"),
        ),
        ("a key with its password", at(2000), NEWER, (200, "")),
    ] {
        let reply = token(&running.http, &running.url, &text, kid, "").await;
        let (code, word) = status(&reply);
        assert_eq!((code, word.as_str()), expected, "{what}");
    }
}

#[tokio::test]
async fn rotated_keys_are_fetched_once_and_not_for_each_invented_key() {
    let issuer = Issuer::start().await;
    *issuer.published.lock().unwrap() = vec![jwk(0), jwk(1)];
    let running = issuer.serve(|_| ()).await;
    for number in [0, 1] {
        let text = issuer.sign(number, &header(number), &issuer.claims("alice"));
        let reply = token(&running.http, &running.url, &text, KEY, "").await;
        assert_eq!(reply.status, 200);
    }
    for number in 0..20 {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": format!("invented-{number}")});
        let text = issuer.sign(0, &header, &issuer.claims("alice"));
        token(&running.http, &running.url, &text, KEY, "").await;
    }
    assert_eq!(issuer.key_requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn strangers_need_an_invitation_which_works_once() {
    let directory = tempfile::tempdir().unwrap();
    let issuer = Issuer::start().await;
    let data = directory.path().to_owned();
    let running = issuer
        .serve(|options| options.data = Location::Directory(data.clone()))
        .await;
    let week = std::time::Duration::from_secs(7 * 24 * 3600);
    let invitation = invite(data.clone(), week).await.unwrap();
    let invited = format!("{}/invitation/{}", running.url, invitation.as_str());
    for (what, url, subject, expected) in [
        ("a stranger", &running.url, "bob", 403),
        ("with an invitation", &invited, "bob", 200),
        ("again, at the same address", &invited, "bob", 200),
        ("without it", &running.url, "bob", 200),
        ("another stranger with the used one", &invited, "eve", 403),
        ("by name", &running.url, "alice", 200),
    ] {
        let text = issuer.token(subject, json!({}));
        let reply = token(&running.http, url, &text, KEY, "").await;
        assert_eq!(reply.status, expected, "{what}: {reply:?}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_address_admits_where_the_issuer_tells_it() {
    let issuer = Issuer::start().await;
    let allow = |email: &'static str| {
        move |options: &mut Options| options.allow_emails = vec![email.to_owned()]
    };
    for (email, expected) in [("carol@example.org", 200), ("dave@example.org", 403)] {
        let running = issuer.serve(allow(email)).await;
        let text = issuer.token("someone", json!({}));
        let reply = token(&running.http, &running.url, &text, KEY, "").await;
        assert_eq!(reply.status, expected, "{email}");
    }
}

#[tokio::test]
async fn the_audience_counts_only_where_it_is_configured() {
    let issuer = Issuer::start().await;
    for (audience, expected) in [
        (None, 200),
        (Some("https://token.example"), 200),
        (Some("https://other.example"), 401),
    ] {
        let audience = audience.map(str::to_owned);
        let running = issuer.serve(|options| options.audience = audience).await;
        let text = issuer.token("alice", json!({}));
        let reply = token(&running.http, &running.url, &text, KEY, "").await;
        assert_eq!(reply.status, expected);
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_no_refusal() {
    let issuer = Issuer::start().await;
    let text = issuer.token("alice", json!({}));
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let running = issuer
        .serve(|options| options.issuers = vec![url.clone()])
        .await;
    let claims = json!({"iss": url, "sub": "alice", "scope": OLDSYNC, "exp": seconds() + 60});
    let unreachable = issuer.sign(0, &header(0), &claims);
    for (text, expected) in [(unreachable, 503), ("a".repeat(64), 503), (text, 401)] {
        let reply = token(&running.http, &running.url, &text, KEY, "").await;
        assert_eq!(reply.status, expected);
    }
}
