//! A proxy between client and server that counts requests and injects one fault into the n-th request.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Maximum length of a message's head.
const HEAD_BYTES: u64 = 64 * 1024;

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection closes before the server receives the request.
    LostRequest,
    /// The server handles the request, but its response is lost.
    LostReply,
    /// The response is truncated in its head.
    CutHead,
    /// The response is truncated in its body.
    CutBody,
    /// The response is delayed.
    Delay(Duration),
    /// The server receives the request twice; the client gets the second response.
    Duplicate,
    /// The proxy responds instead of the server.
    Instead(Canned),
    /// The server handles the request, but the proxy replaces its response.
    Afterwards(Canned),
    /// The server's response has one additional header.
    Header(&'static str, &'static str),
    /// The request is held and never reaches the server; [`FaultProxy::arm`] reports it.
    HeldRequest,
    /// The response is held forever; [`FaultProxy::arm`] reports it.
    HeldReply,
}

/// A response of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canned {
    /// The status.
    pub status: u16,
    /// One header, if there is one.
    pub header: Option<(&'static str, &'static str)>,
    /// The body.
    pub body: &'static str,
}

/// A request that the server has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Whether it is conditional (`X-If-Unmodified-Since`).
    pub is_conditional: bool,
    /// The status of the server's response.
    pub status: u16,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
}

/// A proxy on a free local port. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    target: Option<SocketAddr>,
    count: u32,
    fault: Option<(u32, Fault)>,
    has_fired: Option<String>,
    alarm: Option<Sender<()>>,
    heard: Vec<Heard>,
}

impl FaultProxy {
    /// A proxy without a target.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let proxy = Self {
            address,
            shared: Arc::default(),
        };
        let accepting = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = accepting.clone();
                // Errors of a connection are ignored.
                std::thread::spawn(move || proxy.serve(&client).is_ok());
            }
        });
        proxy
    }

    /// The URL of the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the target of new connections.
    pub fn lead_to(&self, target: SocketAddr) {
        self.shared().target = Some(target);
    }

    /// Restarts the count of requests at one, clears the recorded requests, and sets the fault of the request with a number. The
    /// receiver gets a message when a request is held.
    #[must_use]
    pub fn arm(&self, fault: Option<(u32, Fault)>) -> Receiver<()> {
        let (sender, receiver) = channel();
        let mut shared = self.shared();
        *shared = Shared {
            target: shared.target,
            fault,
            alarm: Some(sender),
            ..Shared::default()
        };
        receiver
    }

    /// Number of requests since [`FaultProxy::arm`].
    #[must_use]
    pub fn count(&self) -> u32 {
        self.shared().count
    }

    /// The request that had the fault, as method, path and query; `None` if there was none yet.
    #[must_use]
    pub fn fired_at(&self) -> Option<String> {
        self.shared().has_fired.clone()
    }

    /// The requests that the server has received, in the order of its responses.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.shared().heard.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and returns its fault.
    fn next(&self, request: &Message) -> Option<Fault> {
        let mut shared = self.shared();
        shared.count += 1;
        let count = shared.count;
        let (_, fault) = shared.fault.take_if(|(at, _)| *at == count)?;
        let (method, target) = request.line();
        shared.has_fired = Some(format!("{method} {target}"));
        Some(fault)
    }

    /// Handles the requests of one connection.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut from_client = BufReader::new(client.try_clone()?);
        let mut server = None;
        while let Some(request) = Message::read(&mut from_client, Side::Request)? {
            let fault = self.next(&request);
            let answer = match self.answer(&request, fault, &mut server)? {
                Some(answer) => answer,
                // A held client stays connected until it is killed or gives up.
                None if is_held(fault) => {
                    self.ring();
                    from_client.read_to_end(&mut Vec::new())?;
                    break;
                }
                None => break,
            };
            let mut to_client = client;
            let length = match fault {
                Some(Fault::CutHead) => answer.head.len() / 2,
                Some(Fault::CutBody) => answer.head.len() + answer.body.len() / 2,
                _ => usize::MAX,
            };
            let bytes = [answer.head.as_bytes(), &answer.body].concat();
            to_client.write_all(bytes.get(..length).unwrap_or(&bytes))?;
            if length < usize::MAX || request.is_last || answer.is_last {
                break;
            }
        }
        client.shutdown(Shutdown::Both)
    }

    /// The response to a request; `None` if there is none.
    fn answer(
        &self,
        request: &Message,
        fault: Option<Fault>,
        server: &mut Option<BufReader<TcpStream>>,
    ) -> io::Result<Option<Message>> {
        match fault {
            Some(Fault::LostRequest | Fault::HeldRequest) => return Ok(None),
            Some(Fault::Instead(canned)) => return Ok(Some(Message::canned(canned))),
            Some(Fault::Duplicate) => drop(self.ask(request, server)?),
            Some(Fault::Delay(time)) => std::thread::sleep(time),
            _ => {}
        }
        let mut answer = self.ask(request, server)?;
        match fault {
            Some(Fault::LostReply | Fault::HeldReply) => return Ok(None),
            Some(Fault::Afterwards(canned)) => answer = Message::canned(canned),
            Some(Fault::Header(name, value)) => answer.add(name, value),
            _ => {}
        }
        Ok(Some(answer))
    }

    /// Sends the request to the server, and records it.
    fn ask(
        &self,
        request: &Message,
        server: &mut Option<BufReader<TcpStream>>,
    ) -> io::Result<Message> {
        let connection = match server {
            Some(connection) => connection,
            None => {
                let target = self.shared().target.ok_or(io::ErrorKind::NotConnected)?;
                let stream = TcpStream::connect(target)?;
                stream.set_nodelay(true)?;
                server.insert(BufReader::new(stream))
            }
        };
        connection
            .get_mut()
            .write_all(&[request.head.as_bytes(), &request.body].concat())?;
        let answer =
            Message::read(connection, Side::Answer)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if answer.is_last {
            *server = None;
        }
        let (method, target) = request.line();
        self.shared().heard.push(Heard {
            method: method.to_owned(),
            target: target.to_owned(),
            is_conditional: request.header("x-if-unmodified-since").is_some(),
            status: answer.status().unwrap_or_default(),
            user_agent: request.header("user-agent").map(ToOwned::to_owned),
        });
        Ok(answer)
    }

    fn ring(&self) {
        if let Some(alarm) = self.shared().alarm.take() {
            // The receiver is gone if the process has ended before.
            let _ = alarm.send(());
        }
    }
}

const fn is_held(fault: Option<Fault>) -> bool {
    matches!(fault, Some(Fault::HeldRequest | Fault::HeldReply))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// A request or a response, as its bytes.
#[derive(Debug)]
struct Message {
    /// With the empty line at its end.
    head: String,
    /// With its framing.
    body: Vec<u8>,
    /// Whether the connection closes after it.
    is_last: bool,
}

impl Message {
    /// The next message of a connection; `None` at its end.
    fn read(from: &mut BufReader<TcpStream>, side: Side) -> io::Result<Option<Self>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.by_ref().take(HEAD_BYTES).read_line(&mut head)? == 0 {
                return Ok(None);
            }
        }
        let mut message = Self {
            head,
            body: Vec::new(),
            is_last: false,
        };
        let first = message.head.lines().next().unwrap_or_default();
        message.is_last = first.contains("HTTP/1.0") || message.is("connection", "close");
        if let Some(length) = message.header("content-length") {
            let length: u64 = length.parse().map_err(io::Error::other)?;
            from.take(length).read_to_end(&mut message.body)?;
        } else if message.is("transfer-encoding", "chunked") {
            message.read_chunks(from)?;
        } else if side == Side::Answer && !matches!(message.status(), Some(204 | 304)) {
            from.read_to_end(&mut message.body)?;
            message.is_last = true;
        }
        Ok(Some(message))
    }

    fn read_chunks(&mut self, from: &mut BufReader<TcpStream>) -> io::Result<()> {
        loop {
            let mut size = String::new();
            from.read_line(&mut size)?;
            let length = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            self.body.extend_from_slice(size.as_bytes());
            from.take(length + 2).read_to_end(&mut self.body)?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn canned(canned: Canned) -> Self {
        let Canned {
            status,
            header,
            body,
        } = canned;
        let length = body.len();
        let mut message = Self {
            head: format!("HTTP/1.1 {status} Canned\r\nContent-Length: {length}\r\n\r\n"),
            body: body.into(),
            is_last: false,
        };
        if let Some((name, value)) = header {
            message.add(name, value);
        }
        message
    }

    fn add(&mut self, name: &str, value: &str) {
        let end = self.head.len() - 2;
        self.head.insert_str(end, &format!("{name}: {value}\r\n"));
    }

    /// The first two words: method and target of a request.
    fn line(&self) -> (&str, &str) {
        let mut words = self.head.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        (word(), word())
    }

    fn status(&self) -> Option<u16> {
        self.line().1.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.header(name)
            .is_some_and(|found| found.eq_ignore_ascii_case(value))
    }
}

#[cfg(test)]
mod tests;
