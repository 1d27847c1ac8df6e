//! A connection to the daemon's socket, as an agent has one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A slow machine gets this long for anything.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) struct Talk {
    reader: BufReader<UnixStream>,
    last: u64,
}

impl Talk {
    /// Connects as soon as there is somebody to connect to.
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

    /// Sends these bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // Whom we send too much does not listen to the end.
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

    /// The next line, which is a notice.
    pub(crate) fn notice(&mut self) -> Value {
        let line = self.line();
        assert!(line.get("id").is_none(), "{line}");
        json!({"method": line["method"], "params": line["params"]})
    }

    /// The answer to the last call; notices before it are passed over.
    fn answer(&mut self) -> Value {
        loop {
            let line = self.line();
            if line.get("id").is_some() {
                return line;
            }
        }
    }

    /// A call's result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.begin(method, params);
        let answer = self.answer();
        assert_eq!(answer["id"], self.last, "{answer}");
        let result = answer.get("result").cloned();
        result.unwrap_or_else(|| panic!("{method} is refused: {answer}"))
    }

    /// The error of a call that is refused.
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

    /// The number of the error of a call that is refused.
    #[track_caller]
    pub(crate) fn refused(&mut self, method: &str, params: &Value) -> i64 {
        self.begin(method, params);
        self.error_code()
    }

    /// The number of the error that is answered next.
    #[track_caller]
    pub(crate) fn error_code(&mut self) -> i64 {
        let answer = self.answer();
        answer["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("no error: {answer}"))
    }

    /// Asks how things are until they are as they should be.
    #[track_caller]
    pub(crate) fn wait_for_status(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.call("status", &json!({}));
            if is_so(&status) {
                return status;
            }
            assert!(began.elapsed() < TIMEOUT, "it does not come: {status}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether the other end has closed the connection.
    pub(crate) fn is_over(&mut self) -> bool {
        let mut line = String::new();
        !matches!(self.reader.read_line(&mut line), Ok(1..))
    }
}
