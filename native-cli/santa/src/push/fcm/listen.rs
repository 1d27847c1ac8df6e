//! One connection of FCM.
//!
//! ```text
//! 302, 400, 401, 403, 404 ─→ there is no use in another one
//! another status, or none ─→ lost
//! 200 ─→ frames ─┬ a message ──────────────→ acknowledged, and told
//!                ├ the server wants to drain → done
//!                ├ what is no frame ───────→ lost
//!                └ its end ────────────────→ done
//! ```

use std::time::Duration;

use reqwest::{Client, Response, Url, redirect};
use selvedge_santa::Draw;
use selvedge_santa::push::read_blob;
use serde_json::json;

use super::FcmConfig;
use super::frames::{Frame, Frames, read};
use crate::push::carrier::{Link, Over, Push};
use crate::push::event::{PushError, PushEvent};

const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// An acknowledgement has so long; without it the message comes again.
const ACK_PATIENCE: Duration = Duration::from_secs(30);

/// A server that is gone without a word is found out by this, not by silence: there may be no message for days.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The first connection is made within so many milliseconds.
const FIRST_MILLIS: u64 = 10_000;

/// No wait is longer.
const MAX_MILLIS: u64 = 900_000;

/// The service, as a carrier.
pub(super) struct Fcm {
    config: FcmConfig,
    connect: Url,
    ack: Url,
    machine: String,
    client: Client,
}

impl Fcm {
    pub(super) fn new(config: FcmConfig, machine: &str) -> Result<Self, PushError> {
        // Another part of the process may have chosen the provider already; then that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("Selvedge/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_PATIENCE)
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

    /// The server for people: without what follows the host.
    pub(super) fn server(&self) -> String {
        self.connect.origin().ascii_serialization()
    }

    async fn connect(&self) -> Result<Response, Over> {
        let mut url = self.connect.clone();
        url.query_pairs_mut()
            .append_pair("token", self.config.token.as_str());
        let response = self.client.get(url).send().await;
        let response = response.map_err(|error| Over::Lost(why(error)))?;
        match response.status().as_u16() {
            200 => Ok(response),
            status @ (302 | 400 | 401 | 403 | 404) => Err(Over::Fatal(PushError::Status(status))),
            status => Err(Over::Lost(PushError::Status(status))),
        }
    }

    async fn hear(&self, mut response: Response, link: &Link) -> Over {
        let mut frames = Frames::default();
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => return Over::Done,
                Err(_) => return Over::Lost(PushError::Lost),
            };
            frames.push(&piece);
            loop {
                match frames.next() {
                    Ok(Some(frame)) => match read(&frame) {
                        Frame::Message { json, id } => self.message(&json, id, link).await,
                        Frame::Draining => return Over::Done,
                        Frame::Nothing => {}
                    },
                    Ok(None) => break,
                    Err(_) => return Over::Lost(PushError::Lost),
                }
            }
        }
    }

    async fn message(&self, json: &[u8], id: Option<String>, link: &Link) {
        if let Some(id) = id {
            self.acknowledge(&id).await;
        }
        let blob = read_blob(json, &self.machine);
        if let Some((hash, name)) = blob.announced {
            link.tell(PushEvent::Announced { hash, name }).await;
        }
        if let Some(message) = blob.message {
            link.tell(PushEvent::Message(message)).await;
        }
    }

    /// A message that is not acknowledged comes again, which is no harm.
    async fn acknowledge(&self, id: &str) {
        let body = json!({"token": self.config.token.as_str(), "message_id": id});
        let request = self.client.post(self.ack.clone()).timeout(ACK_PATIENCE);
        let request = request.header("Content-Type", "application/json");
        let _lost = request.body(body.to_string()).send().await;
    }
}

impl Push for Fcm {
    async fn listen(&mut self, link: &mut Link) -> Over {
        match self.connect().await {
            Ok(response) => {
                link.connected().await;
                self.hear(response, link).await
            }
            Err(over) => over,
        }
    }

    fn first_pause(&self, draw: Draw) -> Duration {
        Duration::from_millis(draw.below(FIRST_MILLIS))
    }

    fn pause(&self, failures: u32, draw: Draw) -> Duration {
        Duration::from_millis(pause_millis(failures, draw))
    }
}

/// Five to fifteen seconds after the first failure, doubled by each further one.
fn pause_millis(failures: u32, draw: Draw) -> u64 {
    let first = 5_000 + draw.below(10_001);
    let doubled = first << failures.saturating_sub(1).min(16);
    doubled.min(MAX_MILLIS)
}

/// A URL over which a token may go.
fn address(url: &str) -> Result<Url, PushError> {
    let refuse = |why: &str| Err(PushError::Configuration(format!("the URL of FCM {why}")));
    let Ok(url) = Url::parse(url) else {
        return refuse("cannot be read");
    };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => refuse("must begin with https://"),
    }
}

/// Why a request failed. The URL, which holds the token, is not told.
fn why(error: reqwest::Error) -> PushError {
    let error = error.without_url();
    let source = std::error::Error::source(&error);
    PushError::Unreachable(source.map_or_else(|| error.to_string(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let (least, most) = (Draw(0), Draw(u32::MAX));
        let rows = [
            (1, 5_000, 15_000),
            (2, 10_000, 30_000),
            (3, 20_000, 60_000),
            (8, 640_000, 900_000),
            (9, 900_000, 900_000),
            (u32::MAX, 900_000, 900_000),
        ];
        for (failures, shortest, longest) in rows {
            assert_eq!(pause_millis(failures, least), shortest, "{failures}");
            assert_eq!(pause_millis(failures, most), longest, "{failures}");
        }
    }

    #[test]
    fn a_token_goes_over_tls_alone_or_stays_on_this_machine() {
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
