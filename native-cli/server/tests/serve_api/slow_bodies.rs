//! Bodies that come slowly hold up nobody else.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Running, User, fresh, seconds};

/// What a body announces: as much as a request may have.
const ANNOUNCED: usize = 2_621_440;

/// Begins a POST and sends `first` bytes of its body, and none after them. The server reads the body when this returns.
async fn begin_post(user: &User, first: usize) -> TcpStream {
    let (address, path) = user
        .endpoint
        .strip_prefix("http://")
        .and_then(|url| url.split_once('/'))
        .unwrap();
    let url = format!("{}/storage/notes", user.endpoint);
    let signed = user.sign("POST", &url, seconds(), &format!("slow{}", fresh()));
    let head = format!(
        "POST /{path}/storage/notes HTTP/1.1\r\nhost: {address}\r\nauthorization: {signed}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {ANNOUNCED}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body when it begins to read it.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&vec![b' '; first]).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_of_one_user_delay_neither_another_user_nor_that_one() {
    let running = Running::start().await;
    let (slow, other) = (running.user().await, running.user().await);
    let mut streams = Vec::new();
    for _ in 0..60 {
        streams.push(begin_post(&slow, 64 * 1024).await);
    }
    for user in [&other, &slow] {
        let records = (0..100).map(|n| json!({"id": n.to_string(), "payload": "x".repeat(2000)}));
        let reply = user.post("/storage/other", records.collect()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    // The slow ones are still under way: a body that is completed is answered.
    let mut stream = streams.pop().unwrap();
    let mut rest = vec![b' '; ANNOUNCED - 64 * 1024];
    let end = rest.len() - 2;
    rest[end..].copy_from_slice(b"[]");
    stream.write_all(&rest).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_without_authentication_delay_no_user() {
    let running = Running::start().await;
    let user = running.user().await;
    let address = running.url.strip_prefix("http://").unwrap();
    let mut streams = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /1.0/accounts HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\ncontent-length: 4096\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        stream.write_all(b"{").await.unwrap();
        streams.push(stream);
    }
    assert_eq!(user.put("/storage/notes/a", json!({})).await.status, 200);
    let _another_account = running.user().await;
}
