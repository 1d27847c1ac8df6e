//! A fake of Google's push service of 2018, which no longer exists: it implements what the specification describes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Seen {
    /// The status of responses to connections.
    status: u16,
    connections: Vec<TcpStream>,
    tokens: Vec<String>,
    acknowledged: Vec<Value>,
}

/// The fake service. Its threads end with the process.
#[derive(Debug)]
pub struct FakeFcm {
    address: SocketAddr,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl FakeFcm {
    /// A service that accepts every token.
    #[must_use]
    pub fn start() -> Self {
        Self::answering(200)
    }

    /// A service that responds to every connection with this status.
    #[must_use]
    pub fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        let seen = Arc::new((
            Mutex::new(Seen {
                status,
                ..Seen::default()
            }),
            Condvar::new(),
        ));
        let of_thread = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&of_thread);
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { address, seen }
    }

    /// Responds to each later connection with this status.
    pub fn answer_from_now_on(&self, status: u16) {
        self.seen
            .0
            .lock()
            .expect("no thread panicked while it held the lock")
            .status = status;
    }

    /// The URL for connections.
    #[must_use]
    pub fn connect_url(&self) -> String {
        format!("http://{}/fcm/connect/bind", self.address)
    }

    /// The URL for acknowledgements.
    #[must_use]
    pub fn ack_url(&self) -> String {
        format!("http://{}/fcm/connect/ack", self.address)
    }

    /// Sends a frame on the last connection, in pieces.
    pub fn send(&self, frame: &Value) {
        let json = frame.to_string();
        let whole = format!("{}\n{json}", json.len());
        let seen = self
            .seen
            .0
            .lock()
            .expect("no thread panicked while it held the lock");
        let mut connection = seen.connections.last().expect("a client is connected");
        for piece in whole.as_bytes().chunks(7) {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            connection.write_all(&chunk).expect("it is read");
        }
    }

    /// Ends the response on the last connection, as a server does.
    pub fn end(&self) {
        let mut seen = self
            .seen
            .0
            .lock()
            .expect("no thread panicked while it held the lock");
        let mut connection = seen.connections.pop().expect("a client is connected");
        connection
            .write_all(b"0\r\n\r\n")
            .expect("it is read to its end");
    }

    /// The tokens of the connections, in order.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let seen = self
            .seen
            .0
            .lock()
            .expect("no thread panicked while it held the lock");
        seen.tokens.clone()
    }

    /// Waits until this number of messages is acknowledged, and returns them.
    #[must_use]
    pub fn acknowledged(&self, count: usize) -> Vec<Value> {
        let seen = self
            .seen
            .0
            .lock()
            .expect("no thread panicked while it held the lock");
        let waited = self
            .seen
            .1
            .wait_timeout_while(seen, TIMEOUT, |seen| seen.acknowledged.len() < count);
        waited
            .expect("no thread panicked while it held the lock")
            .0
            .acknowledged
            .clone()
    }
}

fn serve(stream: TcpStream, seen: &(Mutex<Seen>, Condvar)) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket has two ends"));
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body comes");
        let mut seen_now = seen
            .0
            .lock()
            .expect("no thread panicked while it held the lock");
        if let Some(token) = line.strip_prefix("GET /fcm/connect/bind?token=") {
            let token = token.split(' ').next().unwrap_or_default();
            seen_now.tokens.push(token.to_owned());
            let status = seen_now.status;
            if status == 200 {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).expect("it is read");
                let connection = stream.try_clone().expect("a socket has two ends");
                seen_now.connections.push(connection);
            } else {
                let answer =
                    format!("HTTP/1.1 {status} No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).expect("it is read");
            }
        } else {
            assert!(line.starts_with("POST /fcm/connect/ack "), "{line}");
            let body = serde_json::from_slice(&body).expect("an acknowledgement is JSON");
            seen_now.acknowledged.push(body);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .expect("it is read");
        }
        drop(seen_now);
        seen.1.notify_all();
    }
}
