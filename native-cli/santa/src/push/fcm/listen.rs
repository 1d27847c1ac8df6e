//! One connection to FCM.
//!
//! ```text
//! 302, 400, 401, 403, 404 ────────→ fatal: no reconnect
//! another status, or no response ─→ lost
//! 200 ─→ frames ─┬ a message ──────────────→ acknowledge it and report it
//!                ├ connection draining ────→ closed
//!                ├ an invalid frame ───────→ lost
//!                └ end of the stream ──────→ closed
//! ```

use std::time::Duration;

use reqwest::{Client, Response, Url, redirect};
use selvedge_santa::Draw;
use selvedge_santa::push::read_blob;
use serde_json::json;

use super::config::FcmConfig;
use super::frames::{Frame, Frames, parse};
use crate::push::event::{PushError, PushEvent};
use crate::push::transport::{ConnectionEnd, Reporter, Transport};

/// Timeout for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Timeout of an acknowledgement. FCM repeats a message without acknowledgement.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval of TCP keep-alive, which detects a dead connection. There is no read timeout, because days may pass without
/// a message.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Maximum of the random delay before the first connection.
const INITIAL_DELAY_MILLIS: u64 = 10_000;

/// Maximum delay before a reconnect.
const MAX_DELAY_MILLIS: u64 = 900_000;

/// The transport of FCM.
pub(super) struct Fcm {
    config: FcmConfig,
    connect: Url,
    ack: Url,
    machine: String,
    client: Client,
}

impl Fcm {
    pub(super) fn new(config: FcmConfig, machine: &str) -> Result<Self, PushError> {
        // Fails if another part of the process has installed a provider. That provider works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(selvedge_host::USER_AGENT)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(KEEPALIVE)
            .no_proxy()
            .build()
            .map_err(|error| PushError::Tls(error.to_string()))?;
        Ok(Self {
            connect: address(&config.connect_url)?,
            ack: address(&config.ack_url)?,
            machine: machine.to_owned(),
            config,
            client,
        })
    }

    /// The origin of the server, without path and token.
    pub(super) fn server(&self) -> String {
        self.connect.origin().ascii_serialization()
    }

    async fn connect(&self) -> Result<Response, ConnectionEnd> {
        let mut url = self.connect.clone();
        url.query_pairs_mut()
            .append_pair("token", self.config.token.as_str());
        let response = self.client.get(url).send().await;
        let response = response.map_err(|error| ConnectionEnd::Lost(why(error)))?;
        match response.status().as_u16() {
            200 => Ok(response),
            status @ (302 | 400 | 401 | 403 | 404) => {
                Err(ConnectionEnd::Fatal(PushError::Status(status)))
            }
            status => Err(ConnectionEnd::Lost(PushError::Status(status))),
        }
    }

    async fn receive(&self, mut response: Response, reporter: &Reporter) -> ConnectionEnd {
        let mut frames = Frames::default();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return ConnectionEnd::Closed,
                Err(_) => return ConnectionEnd::Lost(PushError::Lost),
            };
            frames.push(&chunk);
            loop {
                match frames.next() {
                    Ok(Some(frame)) => match parse(&frame) {
                        Frame::Message { json, id } => self.message(&json, id, reporter).await,
                        Frame::Draining => return ConnectionEnd::Closed,
                        Frame::Ignored => {}
                    },
                    Ok(None) => break,
                    Err(_) => return ConnectionEnd::Lost(PushError::Lost),
                }
            }
        }
    }

    async fn message(&self, json: &[u8], id: Option<String>, reporter: &Reporter) {
        if let Some(id) = id {
            self.acknowledge(&id).await;
        }
        let blob = read_blob(json, &self.machine);
        if let Some((hash, name)) = blob.announced {
            reporter.send(PushEvent::Announced { hash, name }).await;
        }
        if let Some(message) = blob.message {
            reporter.send(PushEvent::Message(message)).await;
        }
    }

    /// Acknowledges a message. FCM repeats a message without acknowledgement, so errors are ignored.
    async fn acknowledge(&self, id: &str) {
        let body = json!({"token": self.config.token.as_str(), "message_id": id});
        let request = self.client.post(self.ack.clone()).timeout(ACK_TIMEOUT);
        let request = request.header("Content-Type", "application/json");
        let _lost = request.body(body.to_string()).send().await;
    }
}

impl Transport for Fcm {
    async fn listen(&mut self, reporter: &mut Reporter) -> ConnectionEnd {
        match self.connect().await {
            Ok(response) => {
                reporter.connected().await;
                self.receive(response, reporter).await
            }
            Err(end) => end,
        }
    }

    fn initial_delay(&self, draw: Draw) -> Duration {
        Duration::from_millis(draw.below(INITIAL_DELAY_MILLIS))
    }

    fn retry_delay(&self, failures: u32, draw: Draw) -> Duration {
        Duration::from_millis(delay_millis(failures, draw))
    }
}

/// 5 to 15 seconds after the first failure, doubled after each further one.
fn delay_millis(failures: u32, draw: Draw) -> u64 {
    let first = 5_000 + draw.below(10_001);
    let doubled = first << failures.saturating_sub(1).min(16);
    doubled.min(MAX_DELAY_MILLIS)
}

/// Parses a URL that is secure enough for the token: HTTPS, or HTTP on this machine.
fn address(url: &str) -> Result<Url, PushError> {
    let refuse = |why: &str| Err(PushError::Configuration(format!("the FCM URL {why}")));
    let Ok(url) = Url::parse(url) else {
        return refuse("is invalid");
    };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => refuse("must start with https://"),
    }
}

/// Why a request failed, without the URL, which contains the token.
fn why(error: reqwest::Error) -> PushError {
    let error = error.without_url();
    let source = std::error::Error::source(&error);
    PushError::Unreachable(source.map_or_else(|| error.to_string(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_15_minutes() {
        let (min, max) = (Draw(0), Draw(u32::MAX));
        let rows = [
            (1, 5_000, 15_000),
            (2, 10_000, 30_000),
            (3, 20_000, 60_000),
            (8, 640_000, 900_000),
            (9, 900_000, 900_000),
            (u32::MAX, 900_000, 900_000),
        ];
        for (failures, shortest, longest) in rows {
            assert_eq!(delay_millis(failures, min), shortest, "{failures}");
            assert_eq!(delay_millis(failures, max), longest, "{failures}");
        }
    }

    #[test]
    fn the_token_is_sent_only_over_tls_or_to_this_machine() {
        for url in [
            "https://fcm.example/bind",
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
        ] {
            assert!(address(url).is_ok(), "{url}");
        }
        for url in ["http://fcm.example/bind", "ftp://127.0.0.1/", "bind", ""] {
            assert!(address(url).is_err(), "{url}");
        }
    }
}
