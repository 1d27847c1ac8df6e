//! A server with prepared responses, for benches of clients.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::{Value, json};

/// The responses by stage.
struct Answers([(&'static str, Vec<u8>); 4]);

impl Answers {
    fn new(rules: usize) -> Self {
        let rules: Vec<Value> = (0..rules).map(rule).collect();
        Self([
            (
                "/preflight/",
                answer(
                    &json!({"client_mode": "MONITOR", "batch_size": 50, "full_sync_interval": 600}),
                ),
            ),
            ("/eventupload/", answer(&json!({}))),
            ("/ruledownload/", answer(&json!({ "rules": rules }))),
            ("/postflight/", answer(&json!({}))),
        ])
    }

    fn to(&self, request: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(stage, _)| request.contains(stage));
        found.map(|(_, answer)| answer.as_slice())
    }
}

fn rule(number: usize) -> Value {
    let policy = ["BLOCKLIST", "ALLOWLIST"][number % 2];
    match number % 10 {
        0 => {
            json!({"rule_type": "TEAMID", "policy": policy, "identifier": format!("T{number:09}")})
        }
        _ => {
            let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            json!({"rule_type": "BINARY", "policy": policy, "identifier": format!("{spread:064x}")})
        }
    }
}

fn answer(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Serves until the process ends.
pub(crate) fn serve(rules: usize) -> SocketAddr {
    let answers = Arc::new(Answers::new(rules));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            // Errors of a connection are ignored: the client has closed it.
            std::thread::spawn(move || converse(stream, &answers).is_ok());
        }
    });
    address
}

fn converse(stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    loop {
        first.clear();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            match line.trim().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap_or(0);
                }
                Some(_) => {}
                None => break,
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".as_slice();
        writer.write_all(answers.to(&first).unwrap_or(missing))?;
    }
}
