//! The network of the host, against sockets that answer well, badly, late and never.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use selvedge_core::http::{Body as _, Fetch as _, FetchErrorKind, Method, Request};
use selvedge_host::NativeFetch;

/// A server that reads one request, answers with these bytes and hangs up; it hands over what it read.
fn server(answer: &'static [u8]) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&mut stream);
        stream.write_all(answer).unwrap();
        request
    });
    (url, seen)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(str::to_owned)
                })
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        assert!(count > 0, "the client hung up in {text:?}");
    }
}

/// Sends a request and reads the whole answer: its status and body, or the kind of the error.
fn fetch(request: Request) -> Result<(u16, Vec<u8>), FetchErrorKind> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let fetch = NativeFetch::new();
        let mut response = fetch.fetch(request).await.map_err(|error| error.kind)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.body.chunk().await.map_err(|error| error.kind)? {
            body.extend_from_slice(&chunk);
        }
        Ok((response.status, body))
    })
}

fn get(url: &str) -> Result<(u16, Vec<u8>), FetchErrorKind> {
    fetch(Request::new(Method::Get, url))
}

#[test]
fn a_request_is_sent_as_it_is() {
    let (url, seen) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut request = Request::new(
        Method::Post,
        format!("{url}/1.5/7/storage/a?batch=MTIz%3D&x=%2B~'"),
    );
    request
        .headers
        .push(("X-If-Unmodified-Since".into(), "12.34".into()));
    request
        .headers
        .push(("Authorization".into(), "Hawk id=\"x\"".into()));
    request.body = b"[{}]".to_vec();
    assert_eq!(fetch(request), Ok((200, b"ok".to_vec())));
    let seen = seen.join().unwrap();
    assert!(
        seen.starts_with("POST /1.5/7/storage/a?batch=MTIz%3D&x=%2B~%27 HTTP/1.1\r\n")
            || seen.starts_with("POST /1.5/7/storage/a?batch=MTIz%3D&x=%2B~' HTTP/1.1\r\n"),
        "{seen}"
    );
    let lower = seen.to_ascii_lowercase();
    assert!(
        lower.contains("\r\nx-if-unmodified-since: 12.34\r\n"),
        "{seen}"
    );
    assert!(!lower.contains("accept-encoding"), "{seen}");
    assert!(lower.contains("\r\nuser-agent: selvedge\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n[{}]"), "{seen}");
}

#[test]
fn the_length_of_a_body_of_no_bytes_is_announced() {
    for (method, expected) in [
        (Method::Post, Some("content-length: 0")),
        (Method::Put, Some("content-length: 0")),
        (Method::Get, None),
        (Method::Delete, None),
    ] {
        let (url, seen) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let answer = fetch(Request::new(method, url));
        assert_eq!(answer, Ok((200, Vec::new())));
        let request = seen.join().unwrap().to_ascii_lowercase();
        let lengths: Vec<&str> = request
            .lines()
            .filter(|line| line.starts_with("content-length"))
            .collect();
        assert_eq!(lengths, Vec::from_iter(expected), "{request}");
        assert!(!request.contains("transfer-encoding"), "{request}");
    }
}

#[test]
fn every_status_is_an_answer_and_redirects_are_not_followed() {
    for (answer, status) in [
        (&b"HTTP/1.1 304 Not Modified\r\n\r\n"[..], 304),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            302,
        ),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503),
    ] {
        let (url, _) = server(answer);
        assert_eq!(get(&url), Ok((status, Vec::new())));
    }
}

#[test]
fn a_body_shorter_than_announced_is_cut() {
    let (url, _) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!");
    assert_eq!(get(&url), Err(FetchErrorKind::Cut));
}

#[test]
fn a_chunked_body_without_its_end_is_cut() {
    let (url, _) = server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n");
    assert_eq!(get(&url), Err(FetchErrorKind::Cut));
}

#[test]
fn a_connection_closed_without_an_answer_is_told_from_one_that_is_cut() {
    let (url, _) = server(b"");
    assert_eq!(get(&url), Err(FetchErrorKind::Dropped));
}

#[test]
fn what_is_no_http_is_an_error() {
    let (url, _) = server(b"SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(get(&url), Err(FetchErrorKind::Cut));
}

#[test]
fn a_closed_port_and_an_unknown_name_are_offline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(get(&closed), Err(FetchErrorKind::Offline));
    assert_eq!(get("not a url"), Err(FetchErrorKind::Offline));
}

#[test]
fn a_server_without_tls_behind_https_is_not_trusted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // It takes the hello of TLS for a bad request.
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    assert_eq!(get(&url), Err(FetchErrorKind::Tls));
}

#[test]
fn an_error_names_no_url() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (url, _) = server(b"");
    let request = Request::new(Method::Get, format!("{url}/1.5/12345/secret"));
    let error = runtime
        .block_on(async { NativeFetch::new().fetch(request).await })
        .unwrap_err();
    assert!(!error.to_string().contains("12345"), "{error}");
}

/// A server that answers each request and closes the connection at once, though it did not say that it would.
fn hasty_server(requests: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
            // What is sent on this connection from now on is lost without an answer.
            let mut more = [0; 1];
            let _ = stream.read(&mut more);
        }
    });
    url
}

#[test]
fn a_connection_that_the_server_closed_is_told_from_a_lost_answer_and_none_is_kept_afterwards() {
    let url = hasty_server(4);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let fetch = NativeFetch::new();
        let get = async || {
            let mut response = fetch.fetch(Request::new(Method::Get, url.as_str())).await?;
            while response.body.chunk().await?.is_some() {}
            Ok::<_, selvedge_core::http::FetchError>(())
        };
        assert_eq!(get().await, Ok(()));
        let error = get().await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Dropped, "{error}");
        for _ in 0..3 {
            assert_eq!(get().await, Ok(()));
        }
    });
}
