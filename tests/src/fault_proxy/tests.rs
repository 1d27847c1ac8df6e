use std::time::Instant;

use super::*;

/// A server that responds with the number of requests that it has received, on persistent connections.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let heard = Arc::new(Mutex::new(0));
        for client in listener.incoming().flatten() {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || {
                let mut from = BufReader::new(client.try_clone().unwrap());
                while let Ok(Some(request)) = Message::read(&mut from, Side::Request) {
                    let count = {
                        let mut heard = heard.lock().unwrap();
                        *heard += 1;
                        format!("{:04}", *heard)
                    };
                    assert_eq!(request.body, b"ab");
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{count}\r\n0\r\n\r\n"
                    );
                    (&client).write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    address
}

fn proxy(fault: Fault) -> (FaultProxy, Receiver<()>) {
    let proxy = FaultProxy::start();
    proxy.lead_to(server());
    let alarm = proxy.arm(Some((2, fault)));
    (proxy, alarm)
}

/// Sends a request on a new connection; returns everything until the connection closes.
fn ask(proxy: &FaultProxy) -> String {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    let request = "PUT /x HTTP/1.1\r\nConnection: close\r\nX-If-Unmodified-Since: 0\r\n\
                   Content-Length: 2\r\n\r\nab";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn each_fault_affects_only_its_request() {
    let canned = Canned {
        status: 503,
        header: Some(("Retry-After", "2")),
        body: "0",
    };
    let answered = "HTTP/1.1 503 Canned\r\nContent-Length: 1\r\nRetry-After: 2\r\n\r\n0";
    let plain = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0002\r\n0\r\n\r\n";
    let second = plain.replace("0002", "0003");
    let more = plain.replace("\r\n\r\n4", "\r\nA: b\r\n\r\n4");
    let head = plain.len() - 14;
    // What the client gets, and how often the server receives the request.
    let rows = [
        (Fault::LostRequest, "", 0),
        (Fault::LostReply, "", 1),
        (Fault::CutHead, &plain[..head / 2], 1),
        (Fault::CutBody, &plain[..head + 7], 1),
        (Fault::Delay(Duration::from_millis(1)), plain, 1),
        (Fault::Duplicate, &second, 2),
        (Fault::Instead(canned), answered, 0),
        (Fault::Afterwards(canned), answered, 1),
        (Fault::Header("A", "b"), &more, 1),
    ];
    for (fault, expected, heard) in rows {
        let (proxy, _alarm) = proxy(fault);
        assert_eq!(ask(&proxy), plain.replace("0002", "0001"), "{fault:?}");
        assert_eq!(proxy.fired_at(), None, "{fault:?}");
        assert_eq!(ask(&proxy), expected, "{fault:?}");
        assert_eq!(proxy.fired_at().as_deref(), Some("PUT /x"), "{fault:?}");
        assert_eq!(proxy.heard().len(), 1 + heard, "{fault:?}");
        let next = plain.replace("0002", &format!("{:04}", 2 + heard));
        assert_eq!(ask(&proxy), next, "{fault:?}");
        assert_eq!(proxy.count(), 3, "{fault:?}");
        assert!(proxy.heard().iter().all(|heard| heard.is_conditional));
    }
}

#[test]
fn a_delayed_response_arrives_late() {
    let time = Duration::from_millis(30);
    let (proxy, _alarm) = proxy(Fault::Delay(time));
    let _first = ask(&proxy);
    let began = Instant::now();
    let _second = ask(&proxy);
    assert!(began.elapsed() >= time);
}

#[test]
fn a_held_client_gets_no_response() {
    for (fault, heard) in [(Fault::HeldRequest, 1), (Fault::HeldReply, 2)] {
        let (proxy, alarm) = proxy(fault);
        let _first = ask(&proxy);
        let mut client = TcpStream::connect(proxy.address).unwrap();
        client
            .write_all(b"GET /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab")
            .unwrap();
        alarm.recv().unwrap();
        assert_eq!(proxy.heard().len(), heard, "{fault:?}");
        client
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        assert!(client.read(&mut [0]).is_err(), "{fault:?}");
    }
}
