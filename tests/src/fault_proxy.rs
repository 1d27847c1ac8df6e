//! A proxy between client and server that counts requests and does one thing wrong, to the n-th.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A message's head is at most so long.
const HEAD_BYTES: u64 = 64 * 1024;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the server hears of the request.
    LostRequest,
    /// The server does what it was asked to, but nobody is told.
    LostReply,
    /// The answer ends in its head.
    CutHead,
    /// The answer ends in its body.
    CutBody,
    /// The answer takes longer.
    Delay(Duration),
    /// The server gets the request twice; the client gets the second answer.
    Duplicate,
    /// Somebody before the server answers in its place.
    Instead(Canned),
    /// The server does what it was asked to, but somebody answers in its place.
    Afterwards(Canned),
    /// The server's answer carries one header more.
    Header(&'static str, &'static str),
    /// The request waits for ever before the server hears of it; [`FaultProxy::arm`] tells.
    HeldRequest,
    /// The answer waits for ever; [`FaultProxy::arm`] tells.
    HeldReply,
}

/// An answer that is not the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canned {
    /// The status.
    pub status: u16,
    /// One header, if there is one.
    pub header: Option<(&'static str, &'static str)>,
    /// The body.
    pub body: &'static str,
}

/// A request that the server has heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Whether it depended on nobody's having written since.
    pub is_conditional: bool,
    /// The status of the server's answer.
    pub status: u16,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
}

/// A proxy on a free port of this machine. Its threads end with the process.
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
    /// A proxy that leads nowhere yet.
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
                // A connection that breaks is no news here.
                std::thread::spawn(move || proxy.serve(&client).is_ok());
            }
        });
        proxy
    }

    /// The URL that leads through it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads new connections to `target` from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        self.shared().target = Some(target);
    }

    /// Counts requests from one on again, forgets what the server has heard, and does `fault` to the request of that
    /// number. The receiver tells when a request is held.
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

    /// How many requests have come.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.shared().count
    }

    /// The request that the fault was done to, as method, path and query; `None` if it has not come yet.
    #[must_use]
    pub fn fired_at(&self) -> Option<String> {
        self.shared().has_fired.clone()
    }

    /// What the server has heard, in the order of its answers.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.shared().heard.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and answers what is to go wrong with it.
    fn next(&self, request: &Message) -> Option<Fault> {
        let mut shared = self.shared();
        shared.count += 1;
        let count = shared.count;
        let (_, fault) = shared.fault.take_if(|(at, _)| *at == count)?;
        let (method, target) = request.line();
        shared.has_fired = Some(format!("{method} {target}"));
        Some(fault)
    }

    /// Answers the requests of one connection.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut from_client = BufReader::new(client.try_clone()?);
        let mut server = None;
        while let Some(request) = Message::read(&mut from_client, Side::Request)? {
            let fault = self.next(&request);
            let answer = match self.answer(&request, fault, &mut server)? {
                Some(answer) => answer,
                // A client that is held does not go before it is killed, or gives up.
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

    /// The answer to a request; `None` when there is none.
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

    /// Asks the server, and takes down what it heard.
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
            // Nobody listens when the process ended before.
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

/// A request or an answer, as it stands on the wire.
#[derive(Debug)]
struct Message {
    /// With the empty line at its end.
    head: String,
    /// With its framing.
    body: Vec<u8>,
    /// Whether its connection ends with it.
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
