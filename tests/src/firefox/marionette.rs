//! Marionette, the protocol that controls Firefox: JSON packets over TCP, each with its length before it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// Maximum size of a packet.
const MAX_BYTES: usize = 64 << 20;

/// A connection with a session.
#[derive(Debug)]
pub(super) struct Marionette {
    stream: TcpStream,
    sent: u64,
}

impl Marionette {
    /// Connects; `timeout` applies to each response.
    pub(super) fn connect(port: u16, timeout: Duration) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_nodelay(true)?;
        let mut marionette = Self { stream, sent: 0 };
        let hello = marionette.receive()?;
        assert_eq!(hello["marionetteProtocol"], 3, "{hello}");
        Ok(marionette)
    }

    /// Sends a command and returns its result.
    #[track_caller]
    pub(super) fn command(&mut self, name: &str, parameters: &Value) -> Value {
        self.send(name, parameters).expect("Firefox takes commands");
        let answer = self.receive();
        let answer = answer.unwrap_or_else(|error| panic!("no answer to {name}: {error}"));
        assert_eq!(
            answer[1], self.sent,
            "the answer is to another command: {answer}"
        );
        assert!(answer[2].is_null(), "{name}: {}", answer[2]);
        answer[3].clone()
    }

    /// Sends the command to quit, without waiting for the response.
    pub(super) fn quit(&mut self) {
        let _ = self.send("Marionette:Quit", &json!({ "flags": ["eForceQuit"] }));
    }

    fn send(&mut self, name: &str, parameters: &Value) -> std::io::Result<()> {
        self.sent += 1;
        let packet = json!([0, self.sent, name, parameters]).to_string();
        write!(self.stream, "{}:{packet}", packet.len())
    }

    fn receive(&mut self) -> std::io::Result<Value> {
        let mut length = 0;
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            match byte[0] {
                b':' => break,
                digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
                other => panic!("no length of a packet: {other}"),
            }
            assert!(length <= MAX_BYTES, "a packet of {length} bytes");
        }
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet)?;
        Ok(serde_json::from_slice(&packet)?)
    }
}
