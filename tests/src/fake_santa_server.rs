//! A fake server of Santa's protocol, for invalid or unusual responses that real servers do not send.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use selvedge_santa::Encoding;

/// A request of a machine.
#[derive(Debug, Clone)]
pub struct SantaRequest {
    /// preflight, eventupload, ruledownload, postflight or xsrf.
    pub stage: String,
    /// Its `Content-Type`; empty without one.
    pub content_type: String,
    /// Its `Content-Encoding`; empty without one.
    pub content_encoding: String,
    /// Its body, decompressed; empty if that fails.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct SantaReply {
    /// The status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl SantaReply {
    /// A 200 with a body in JSON.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            body: body.into(),
        }
    }

    /// A status without a body.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            content_type: "text/plain",
            body: Vec::new(),
        }
    }
}

type Answers = dyn Fn(&SantaRequest) -> SantaReply + Send + Sync;

/// The fake server.
#[derive(Debug)]
pub struct FakeSantaServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<SantaRequest>>>,
}

impl FakeSantaServer {
    /// A server with these responses.
    pub fn start(answers: impl Fn(&SantaRequest) -> SantaReply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it has an address");
        let seen = Arc::<Mutex<Vec<SantaRequest>>>::default();
        let answers: Arc<Answers> = Arc::new(answers);
        let of_thread = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&of_thread));
                // Errors of a connection are ignored: the client has closed it.
                std::thread::spawn(move || serve(stream, &*answers, &seen).ok());
            }
        });
        Self { address, seen }
    }

    /// A server that responds to these stages with these JSON bodies, and to others with an empty object.
    #[must_use]
    pub fn answering(bodies: &[(&str, &str)]) -> Self {
        let bodies: Vec<(String, String)> = bodies
            .iter()
            .map(|(stage, body)| ((*stage).to_owned(), (*body).to_owned()))
            .collect();
        Self::start(move |request| {
            let body = bodies.iter().find(|(stage, _)| *stage == request.stage);
            SantaReply::json(body.map_or("{}", |(_, body)| body.as_str()))
        })
    }

    /// The value for `SyncBaseURL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1/santa", self.address)
    }

    /// The requests of a stage so far.
    #[must_use]
    pub fn requests(&self, stage: &str) -> Vec<SantaRequest> {
        let seen = self
            .seen
            .lock()
            .expect("no thread panicked while it held the lock");
        let of_stage = seen.iter().filter(|request| request.stage == stage);
        of_stage.cloned().collect()
    }
}

fn serve(
    stream: TcpStream,
    answers: &Answers,
    seen: &Mutex<Vec<SantaRequest>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default();
        let stage = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut content_type, mut content_encoding) =
            (0, String::new(), String::new());
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "content-type" => content_type = value.trim().to_owned(),
                "content-encoding" => content_encoding = value.trim().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let named = Some(content_encoding.as_str()).filter(|name| !name.is_empty());
        let body = Encoding::unpack(named, body, 1 << 20).unwrap_or_default();
        let request = SantaRequest {
            stage,
            content_type,
            content_encoding,
            body,
        };
        let reply = answers(&request);
        seen.lock()
            .expect("no thread panicked while it held the lock")
            .push(request);
        let head = format!(
            "HTTP/1.1 {} -\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            reply.status,
            reply.content_type,
            reply.body.len()
        );
        let stream = reader.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(&reply.body)?;
    }
}
