//! A small blocking client with little overhead, so that the figures show the server's time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use selvedge_core::crypto::hawk::{Credentials, Key, authorization};

static COUNT: AtomicU64 = AtomicU64::new(0);
/// The token that creates accounts on the server that was started last.
pub(crate) static LOCAL_TOKEN: Mutex<String> = Mutex::new(String::new());

pub(crate) fn fresh() -> u64 {
    COUNT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) struct User {
    address: String,
    path: String,
    credentials: Credentials,
}

pub(crate) struct Connection<'a> {
    user: &'a User,
    stream: BufReader<TcpStream>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) last_modified: String,
    pub(crate) body: Vec<u8>,
}

impl User {
    pub(crate) fn make(address: &str) -> Self {
        let kid = format!("{}-{:0>22}", 1_500_000_000_000 + fresh(), "A");
        let token = LOCAL_TOKEN.lock().expect("no panic before").clone();
        let body = format!("{{\"kid\":\"{kid}\",\"invitation\":\"{token}\"}}");
        let mut stream = BufReader::new(TcpStream::connect(address).expect("a connection"));
        let length = body.len();
        let request = format!(
            "POST /1.0/accounts HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let account = json(&exchange(&mut stream, request.as_bytes()));
        let token = account["access_token"].as_str().expect("an access token");
        let request = format!(
            "GET /1.0/sync/1.5 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nx-keyid: {kid}\r\n\r\n"
        );
        let answer = json(&exchange(&mut stream, request.as_bytes()));
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        Self {
            address: address.to_owned(),
            path: format!("/1.5/{}", answer["uid"]),
            credentials: Credentials {
                id: text("id"),
                key: Key::from_text(&text("key")),
            },
        }
    }

    pub(crate) fn connect(&self) -> Connection<'_> {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Connection {
            user: self,
            stream: BufReader::with_capacity(256 * 1024, stream),
        }
    }
}

impl Connection<'_> {
    pub(crate) fn send(&mut self, method: &str, path: &str, header: &str, body: &[u8]) -> Reply {
        let user = self.user;
        let url = format!("http://{}{}{path}", user.address, user.path);
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock")
            .as_secs();
        let signed = authorization(
            &user.credentials,
            method,
            &url,
            seconds,
            &fresh().to_string(),
            None,
            None,
        )
        .expect("a signature");
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nhost: {}\r\nauthorization: {signed}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{header}\r\n",
            user.path,
            user.address,
            body.len()
        );
        exchange(&mut self.stream, &[head.as_bytes(), body].concat())
    }

    pub(crate) fn delete(&mut self, collection: &str) {
        assert_eq!(
            self.send("DELETE", &format!("/storage/{collection}"), "", b"")
                .status,
            200
        );
    }
}

fn json(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8]) -> Reply {
    stream
        .get_mut()
        .write_all(request)
        .expect("the request is sent");
    let mut line = String::new();
    let mut next = |stream: &mut BufReader<TcpStream>| {
        line.clear();
        stream.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let first = next(stream);
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    let (mut length, mut last_modified) = (None, String::new());
    loop {
        let line = next(stream);
        match line.split_once(": ") {
            Some(("content-length", value)) => length = Some(value.parse().expect("a length")),
            Some(("x-last-modified", value)) => last_modified = value.to_owned(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = Vec::new();
    if status == 304 {
        length = Some(0);
    }
    match length {
        Some(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body).expect("the body");
        }
        None => loop {
            let size = usize::from_str_radix(&next(stream), 16).expect("a chunk's size");
            let at = body.len();
            body.resize(at + size, 0);
            stream.read_exact(&mut body[at..]).expect("a chunk");
            next(stream);
            if size == 0 {
                break;
            }
        },
    }
    Reply {
        status,
        last_modified,
        body,
    }
}
