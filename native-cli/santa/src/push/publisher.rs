//! A minimal push server for demonstrations and trials without a NATS server. It implements the part of the NATS
//! protocol that a subscriber needs.
//!
//! It sends INFO, accepts subscriptions without wildcards, answers pings, and delivers the messages of its owner once
//! per subscription. It has no wildcards, queues, accounts, passwords, headers or TLS. It discards messages that
//! clients publish, so answers to commands are lost. It listens only on the loopback address. A fleet needs a NATS
//! server.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Maximum length of a line of a client. The longest is CONNECT.
const MAX_LINE: u64 = 16 << 10;

/// Maximum size of a message that a client publishes.
const MAX_PAYLOAD: u64 = 64 << 10;

/// Maximum number of clients.
const MAX_CLIENTS: usize = 256;

/// Maximum number of subscriptions of a client.
const MAX_SUBSCRIPTIONS: usize = 64;

/// Maximum number of unread messages of a client. A client that exceeds it is disconnected.
const MAX_UNREAD: usize = 256;

#[derive(Debug)]
struct Client {
    /// Subjects by the subscription ids of the client.
    subscriptions: BTreeMap<String, String>,
    unread: mpsc::Sender<Vec<u8>>,
}

type Clients = Arc<Mutex<BTreeMap<u64, Client>>>;

/// The server. It stops when the value is dropped.
#[derive(Debug)]
pub struct Publisher {
    address: SocketAddr,
    clients: Clients,
    accepting: AbortHandle,
}

impl Publisher {
    /// Listens on a port of the loopback address; 0 selects a free port.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let clients = Clients::default();
        let accepting = tokio::spawn(accept(listener, address, Arc::clone(&clients)));
        Ok(Self {
            address,
            clients,
            accepting: accepting.abort_handle(),
        })
    }

    /// Its URL for machines.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Sends a message to all subscribers of a subject, and returns the number of subscriptions.
    pub fn publish(&self, subject: &str, payload: &[u8]) -> usize {
        let mut delivered = 0;
        locked(&self.clients).retain(|_, client| {
            let wanted = client.subscriptions.iter();
            let mut wanted = wanted.filter(|(_, wanted)| *wanted == subject);
            wanted.all(|(id, _)| {
                let mut message = format!("MSG {subject} {id} {}\r\n", payload.len()).into_bytes();
                message.extend_from_slice(payload);
                message.extend_from_slice(b"\r\n");
                let is_queued = client.unread.try_send(message).is_ok();
                delivered += usize::from(is_queued);
                is_queued
            })
        });
        delivered
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn locked(clients: &Clients) -> MutexGuard<'_, BTreeMap<u64, Client>> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts clients. When the future is dropped, all clients are disconnected.
async fn accept(listener: TcpListener, address: SocketAddr, clients: Clients) {
    let mut serving = JoinSet::new();
    for number in 1.. {
        let Ok((stream, _)) = listener.accept().await else {
            // For example too many open files, which may be temporary.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        while serving.try_join_next().is_some() {}
        if serving.len() < MAX_CLIENTS {
            let clients = Arc::clone(&clients);
            serving.spawn(async move {
                let _ended = serve(stream, number, address, &clients).await;
                locked(&clients).remove(&number);
            });
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    number: u64,
    address: SocketAddr,
    clients: &Clients,
) -> io::Result<()> {
    let greeting = serde_json::json!({
        "server_id": "selvedge", "server_name": "selvedge", "version": env!("CARGO_PKG_VERSION"), "proto": 1,
        "host": address.ip(), "port": address.port(), "client_id": number, "max_payload": MAX_PAYLOAD,
        "headers": false,
    });
    stream
        .write_all(format!("INFO {greeting}\r\n").as_bytes())
        .await?;
    let (reader, writer) = stream.into_split();
    let (unread, unsent) = mpsc::channel(MAX_UNREAD);
    let client = Client {
        subscriptions: BTreeMap::new(),
        unread: unread.clone(),
    };
    locked(clients).insert(number, client);
    tokio::select! {
        ended = write(writer, unsent) => ended,
        ended = read(reader, number, clients, &unread) => ended,
    }
}

async fn write(mut writer: OwnedWriteHalf, mut unsent: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(bytes) = unsent.recv().await {
        writer.write_all(&bytes).await?;
    }
    Ok(())
}

/// Handles the commands of a client until it disconnects or sends an unknown command.
async fn read(
    reader: OwnedReadHalf,
    number: u64,
    clients: &Clients,
    unread: &mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        (&mut reader).take(MAX_LINE).read_line(&mut line).await?;
        if !line.ends_with('\n') {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let word = words.first().map(|word| word.to_ascii_uppercase());
        match (word.as_deref(), words.get(1..).unwrap_or_default()) {
            (Some("CONNECT" | "PONG") | None, _) => {}
            (Some("PING"), _) => {
                let _closed = unread.send(b"PONG\r\n".to_vec()).await;
            }
            (Some("SUB"), [subject, id]) => {
                let mut clients = locked(clients);
                let Some(client) = clients.get_mut(&number) else {
                    return Ok(());
                };
                if client.subscriptions.len() >= MAX_SUBSCRIPTIONS {
                    return Ok(());
                }
                let (id, subject) = ((*id).to_owned(), (*subject).to_owned());
                client.subscriptions.insert(id, subject);
            }
            (Some("UNSUB"), [id, ..]) => {
                if let Some(client) = locked(clients).get_mut(&number) {
                    client.subscriptions.remove(*id);
                }
            }
            (Some("PUB" | "HPUB"), [.., length]) => {
                let length = length.parse::<u64>().unwrap_or(u64::MAX);
                if length > MAX_PAYLOAD {
                    return Ok(());
                }
                let mut payload = (&mut reader).take(length + 2);
                tokio::io::copy(&mut payload, &mut tokio::io::sink()).await?;
            }
            _ => {
                let _closed = unread
                    .send(b"-ERR 'Unknown Protocol Operation'\r\n".to_vec())
                    .await;
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use selvedge_santa::push::Message;

    use super::*;
    use crate::push::{NatsConfig, PushConfig, PushEvent, start};

    async fn next(events: &mut mpsc::Receiver<PushEvent>) -> PushEvent {
        let next = tokio::time::timeout(Duration::from_secs(30), events.recv());
        next.await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_client_receives_only_messages_of_its_subjects() {
        let publisher = Publisher::bind(0).await.unwrap();
        let (sender, mut events) = mpsc::channel(8);
        let config = NatsConfig {
            server: publisher.url(),
            subjects: vec!["santa.tag.lab".into(), "santa.host.D1".into()],
            ..NatsConfig::default()
        };
        let handle = start(PushConfig::Nats(config), "M", sender).unwrap();
        assert!(matches!(next(&mut events).await, PushEvent::Created));
        assert!(matches!(
            next(&mut events).await,
            PushEvent::Connected { .. }
        ));
        assert_eq!(publisher.publish("santa.tag.other", b""), 0);
        // The subscription may arrive after the event of the connection.
        while publisher.publish("santa.tag.lab", &[8, 5]) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(publisher.publish("santa.host.D1", b"any"), 1);
        let messages = [next(&mut events).await, next(&mut events).await];
        let tag = Message::Tag {
            max_jitter: Some(5),
        };
        assert!(
            matches!(&messages, [PushEvent::Message(first), PushEvent::Message(second)]
                if [*first, *second] == [tag, Message::Full]),
            "{messages:?}"
        );
        drop(publisher);
        assert!(matches!(
            next(&mut events).await,
            PushEvent::Disconnected { .. }
        ));
        drop(handle);
    }

    #[tokio::test]
    async fn a_client_that_violates_the_protocol_is_disconnected() {
        let publisher = Publisher::bind(0).await.unwrap();
        let long = format!("CONNECT {}", "x".repeat(20 << 10));
        for line in ["GET / HTTP/1.1\r\n", "SUB\r\n", "PUB a 99999999\r\n", &long] {
            let mut stream = TcpStream::connect(publisher.address).await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            let mut received = Vec::new();
            let ended = stream.read_to_end(&mut received);
            // Closing with unread bytes is a connection reset, which is an error here.
            let _ended = tokio::time::timeout(Duration::from_secs(30), ended)
                .await
                .unwrap();
            assert!(received.starts_with(b"INFO {"), "{line}");
        }
    }

    #[tokio::test]
    async fn messages_stop_after_an_unsubscribe() {
        let publisher = Publisher::bind(0).await.unwrap();
        let stream = TcpStream::connect(publisher.address).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let sent = b"CONNECT {}\r\nSUB a 1\r\nSUB b 2\r\nPUB c 3\r\nxyz\r\nUNSUB 1\r\nPING\r\n";
        stream.write_all(sent).await.unwrap();
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "PONG\r\n");
        assert_eq!(publisher.publish("a", b""), 0);
        assert_eq!(publisher.publish("b", b"x"), 1);
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "MSG b 2 1\r\n");
    }
}
