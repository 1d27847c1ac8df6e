//! A client of the daemon's socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Timeout of each operation, long enough for slow computers.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) struct Client {
    reader: BufReader<UnixStream>,
    last: u64,
}

impl Client {
    /// Connects as soon as the socket accepts connections.
    pub(crate) fn with(path: &Path) -> Self {
        let began = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) => assert!(began.elapsed() < TIMEOUT, "{}: {error}", path.display()),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self {
            reader: BufReader::new(stream),
            last: 0,
        }
    }

    /// Sends raw bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // This fails if the daemon closes the connection because of a line that is too long.
        let _ = self.reader.get_mut().write_all(bytes);
    }

    /// Calls without waiting for the answer.
    pub(crate) fn begin(&mut self, method: &str, params: &Value) {
        self.last += 1;
        let call = json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params});
        self.send(format!("{call}\n").as_bytes());
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        let _bytes = self.reader.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer: {line:?}"))
    }

    /// The next line, which must be a notification.
    pub(crate) fn notification(&mut self) -> Value {
        let line = self.line();
        assert!(line.get("id").is_none(), "{line}");
        json!({"method": line["method"], "params": line["params"]})
    }

    /// The answer to the last call. Notifications before it are skipped.
    fn answer(&mut self) -> Value {
        loop {
            let line = self.line();
            if line.get("id").is_some() {
                return line;
            }
        }
    }

    /// Calls a method and returns its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.begin(method, params);
        let answer = self.answer();
        assert_eq!(answer["id"], self.last, "{answer}");
        let result = answer.get("result").cloned();
        result.unwrap_or_else(|| panic!("{method} is refused: {answer}"))
    }

    /// Calls a method that is refused, and returns the error.
    #[track_caller]
    pub(crate) fn refusal(&mut self, method: &str, params: &Value) -> Value {
        self.begin(method, params);
        let answer = self.answer();
        assert!(
            answer["error"].is_object(),
            "{method} is not refused: {answer}"
        );
        answer["error"].clone()
    }

    /// Calls a method that is refused, and returns the error code.
    #[track_caller]
    pub(crate) fn refused(&mut self, method: &str, params: &Value) -> i64 {
        self.begin(method, params);
        self.error_code()
    }

    /// The error code of the next answer.
    #[track_caller]
    pub(crate) fn error_code(&mut self) -> i64 {
        let answer = self.answer();
        answer["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("no error: {answer}"))
    }

    /// Polls the status until it matches.
    #[track_caller]
    pub(crate) fn wait_for_status(&mut self, is_match: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.call("status", &json!({}));
            if is_match(&status) {
                return status;
            }
            assert!(
                began.elapsed() < TIMEOUT,
                "the status does not match in time: {status}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether the daemon has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut line = String::new();
        !matches!(self.reader.read_line(&mut line), Ok(1..))
    }
}
