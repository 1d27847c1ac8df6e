//! A minimal client of the storage API, for requests that normal clients do not send, and to check the server's data.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use selvedge_core::crypto::{KeyBundle, payload};
use selvedge_core::sync::CollectionKeys;
use serde_json::{Value, json};
use sha2::Sha256;

use selvedge_host::SystemRandom;

use crate::Account;

/// A client for one user's storage, with plain HTTP and its own request signatures (spec §2).
#[derive(Debug)]
pub struct Wire {
    authority: String,
    path: String,
    id: String,
    key: String,
    sync_key: KeyBundle,
}

impl Wire {
    /// A client with these credentials, and with the account's keys.
    #[must_use]
    pub fn new(credentials: &Value, account: &Account) -> Self {
        let text = |name: &str| {
            credentials[name]
                .as_str()
                .expect("credentials are texts")
                .to_owned()
        };
        let endpoint = text("api_endpoint");
        let rest = endpoint
            .strip_prefix("http://")
            .expect("the server speaks plain HTTP");
        let (authority, path) = rest.split_once('/').expect("an endpoint has a path");
        Self {
            authority: authority.to_owned(),
            path: format!("/{path}"),
            id: text("id"),
            key: text("key"),
            sync_key: KeyBundle::from_slice(&account.sync_key).expect("a sync key has 64 bytes"),
        }
    }

    /// Sends one request; returns the status and the body.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.send_accepting("application/json", method, path, body)
    }

    /// Sends one request with the header Accept.
    #[must_use]
    pub fn send_accepting(
        &self,
        accept: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, String) {
        let mut stream = self.begin(accept, method, path, body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server answers");
        let answer = String::from_utf8(answer).expect("the answer is text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head
            .split_whitespace()
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.expect("an answer has a status"), body.to_owned())
    }

    /// Sends a request and reads only the first byte of the response, like a slow client.
    #[must_use]
    pub fn dawdle(&self, path: &str) -> TcpStream {
        let mut stream = self.begin("application/newlines", "GET", path, "");
        stream.read_exact(&mut [0]).expect("the server answers");
        stream
    }

    fn begin(&self, accept: &str, method: &str, path: &str, body: &str) -> TcpStream {
        let path = format!("{}/{path}", self.path);
        let mut stream = TcpStream::connect(&self.authority).expect("the server listens");
        // With HTTP/1.0 the response is not chunked, and ends with the connection.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: {}\r\nAccept: {accept}\r\n\
             Content-Type: application/json\r\nX-Confirm-Delete: 1\r\nContent-Length: {}\r\n\r\n",
            self.authority,
            self.authorization(method, &path),
            body.len(),
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .expect("the server reads");
        stream
    }

    /// Reads a JSON response.
    ///
    /// # Panics
    /// If the status is not 200.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, "");
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).expect("the server answers JSON")
    }

    /// Writes one record with this payload.
    ///
    /// # Panics
    /// If the server refuses it.
    #[track_caller]
    pub fn put(&self, collection: &str, id: &str, payload: &str) {
        let path = format!("storage/{collection}/{id}");
        let (status, body) = self.send(
            "PUT",
            &path,
            &json!({ "id": id, "payload": payload }).to_string(),
        );
        assert_eq!(status, 200, "PUT {path}: {body}");
    }

    /// The payload of one record.
    #[must_use]
    #[track_caller]
    pub fn payload(&self, collection: &str, id: &str) -> String {
        let record = self.get(&format!("storage/{collection}/{id}"));
        record["payload"]
            .as_str()
            .expect("a record has a payload")
            .to_owned()
    }

    /// The ids of a collection.
    #[must_use]
    pub fn ids(&self, collection: &str) -> Vec<String> {
        let ids = self.get(&format!("storage/{collection}"));
        serde_json::from_value(ids).expect("a collection is a list of ids")
    }

    /// The keys of the account's records.
    #[must_use]
    pub fn keys(&self) -> CollectionKeys {
        CollectionKeys::open(&self.sync_key, &self.payload("crypto", "keys"))
            .expect("the sync key opens crypto/keys")
    }

    /// Encrypts a record's cleartext as this account's devices do.
    #[must_use]
    pub fn seal(&self, collection: &str, cleartext: &Value) -> String {
        payload::seal(
            self.keys()
                .bundle(collection)
                .expect("the account's keys are usable"),
            &SystemRandom,
            &cleartext.to_string(),
        )
        .expect("there is randomness")
    }

    fn authorization(&self, method: &str, path: &str) -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970");
        let (seconds, nonce) = (
            now.as_secs(),
            format!(
                "{}-{}",
                now.as_nanos(),
                COUNTER.fetch_add(1, Ordering::Relaxed)
            ),
        );
        let (host, port) = self
            .authority
            .rsplit_once(':')
            .expect("the server has a port");
        let signed =
            format!("hawk.1.header\n{seconds}\n{nonce}\n{method}\n{path}\n{host}\n{port}\n\n\n");
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).expect("HMAC takes any key");
        mac.update(signed.as_bytes());
        let mac = Base64::encode_string(&mac.finalize().into_bytes());
        format!(
            "Hawk id=\"{}\", ts=\"{seconds}\", nonce=\"{nonce}\", mac=\"{mac}\"",
            self.id
        )
    }
}
