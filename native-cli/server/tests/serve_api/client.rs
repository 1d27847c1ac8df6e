//! A server in this process and a small client that signs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use reqwest::{Method, StatusCode};
use selvedge_core::crypto::hawk::{Credentials, Key, authorization};
use selvedge_core::time::ServerTime;
use selvedge_server::{Location, Options, Server, local_token};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The server; it runs until it is stopped or nobody holds it or one of its users any more.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    stop: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
    /// By which accounts are made where an invitation is needed.
    local_token: Option<String>,
}

/// The answer to a request, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A user with a token.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) http: reqwest::Client,
    pub(crate) endpoint: String,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) _alive: Option<Arc<watch::Sender<bool>>>,
}

/// A request before it is sent.
pub(crate) struct Call<'a> {
    user: &'a User,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

pub(crate) fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub(crate) fn http() -> reqwest::Client {
    // An error means that another test installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) fn fresh() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// A key id that nobody has yet.
pub(crate) fn kid() -> String {
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&fresh().to_be_bytes());
    format!(
        "1500000000000-{}",
        Base64UrlUnpadded::encode_string(&fingerprint)
    )
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let data = options.data.clone();
        let server = Server::bind(options).await.unwrap();
        let local_token = match &data {
            Location::Directory(directory) => Some(local_token(directory).unwrap().to_string()),
            Location::Memory => None,
        };
        let url = format!("http://{}", server.addr());
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(server.run(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
        Self {
            url,
            http: http(),
            stop: Arc::new(stop),
            task,
            local_token,
        }
    }

    /// Asks the server to stop, and goes on at once.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// What a program on the same machine sends to make an account.
    pub(crate) fn wanted(&self, kid: &str) -> Value {
        json!({"kid": kid, "invitation": self.local_token})
    }

    /// Stops and waits until all is written.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        (&mut self.task).await.unwrap();
    }

    pub(crate) async fn user(&self) -> User {
        let kid = kid();
        let account = create_account(&self.http, &self.url, &self.wanted(&kid)).await;
        assert_eq!(account.status, 201, "{account:?}");
        let access_token = account.json()["access_token"].as_str().unwrap().to_owned();
        let token = token(&self.http, &self.url, &access_token, &kid, "").await;
        assert_eq!(token.status, 200, "{token:?}");
        User {
            _alive: Some(Arc::clone(&self.stop)),
            ..User::from_token(&self.http, &token.json())
        }
    }
}

pub(crate) async fn create_account(http: &reqwest::Client, url: &str, body: &Value) -> Reply {
    let request = http
        .post(format!("{url}/1.0/accounts"))
        .body(body.to_string());
    Reply::read(request.send().await.unwrap()).await
}

pub(crate) async fn token(
    http: &reqwest::Client,
    url: &str,
    access_token: &str,
    kid: &str,
    query: &str,
) -> Reply {
    let request = http
        .get(format!("{url}/1.0/sync/1.5{query}"))
        .bearer_auth(access_token)
        .header("x-keyid", kid);
    Reply::read(request.send().await.unwrap()).await
}

impl User {
    /// With a token from elsewhere.
    pub(crate) fn with(http: &reqwest::Client, endpoint: String, id: String, key: String) -> Self {
        Self {
            http: http.clone(),
            endpoint,
            id,
            key,
            _alive: None,
        }
    }

    pub(crate) fn from_token(http: &reqwest::Client, token: &Value) -> Self {
        let text = |name: &str| token[name].as_str().unwrap().to_owned();
        Self {
            http: http.clone(),
            endpoint: text("api_endpoint"),
            id: text("id"),
            key: text("key"),
            _alive: None,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            user: self,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn sign(&self, method: &str, url: &str, ts: u64, nonce: &str) -> String {
        let credentials = Credentials {
            id: self.id.clone(),
            key: Key::from_text(&self.key),
        };
        authorization(&credentials, method, url, ts, nonce, None, None).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path).json(&body).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path).json(&body).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path).send().await
    }

    /// Fills a collection with `n000000`, `n000001`, … of about 100 bytes each.
    pub(crate) async fn fill(&self, collection: &str, count: usize) {
        let ids: Vec<usize> = (0..count).collect();
        for hundred in ids.chunks(100) {
            let records = hundred.iter().map(
                |n| json!({"id": format!("n{n:06}"), "payload": "x".repeat(100), "sortindex": n}),
            );
            let reply = self
                .post(&format!("/storage/{collection}"), records.collect())
                .await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    /// The answer, or why there is none.
    pub(crate) async fn try_send(self) -> reqwest::Result<Reply> {
        let url = format!("{}{}", self.user.endpoint, self.path);
        let nonce = format!("nonce{}", fresh());
        let signed = self
            .user
            .sign(self.method.as_str(), &url, seconds(), &nonce);
        let mut request = self
            .user
            .http
            .request(self.method, url)
            .header("authorization", signed);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Reply::try_read(request.body(self.body).send().await?).await
    }
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.unwrap()
    }

    async fn try_read(response: reqwest::Response) -> reqwest::Result<Self> {
        Ok(Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_str()
            .unwrap()
    }

    pub(crate) fn last_modified(&self) -> ServerTime {
        ServerTime::parse(self.header("x-last-modified")).unwrap()
    }

    /// The next-page token, as it goes into a query.
    pub(crate) fn next(&self) -> Option<&str> {
        self.headers
            .get("x-weave-next-offset")
            .map(|value| value.to_str().unwrap())
    }

    /// The ids of a list of ids or of records.
    pub(crate) fn ids(&self) -> Vec<String> {
        let id = |value: &Value| value.as_str().or(value["id"].as_str()).unwrap().to_owned();
        self.json().as_array().unwrap().iter().map(id).collect()
    }
}

/// Sends bytes as they are and returns the first ones of the answer.
pub(crate) async fn exchange(address: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    answer.truncate(length);
    String::from_utf8(answer).unwrap()
}
