//! A TCP proxy that counts bytes and holds all traffic after a chosen number, so that tests kill a process at the same point on
//! every machine.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A proxy on a free local port. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    released: Arc<Condvar>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether traffic is held until [`Proxy::release`].
    is_held: bool,
    target: Option<SocketAddr>,
    passed: u64,
    alarm: Option<(u64, Sender<()>)>,
}

impl Proxy {
    /// A proxy without a target.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let proxy = Self {
            address,
            shared: Arc::default(),
            released: Arc::default(),
        };
        let accepting = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.serve(client);
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

    /// Number of forwarded bytes, in both directions together.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.shared().passed
    }

    /// Holds all traffic after `bytes` more, in both directions together, until [`Proxy::release`]. The receiver gets a message
    /// at that moment.
    #[must_use]
    pub fn alarm_after(&self, bytes: u64) -> Receiver<()> {
        let (sender, receiver) = channel();
        let mut shared = self.shared();
        shared.alarm = Some((shared.passed + bytes, sender));
        receiver
    }

    /// Resumes the traffic, and cancels an alarm that has not fired.
    pub fn release(&self) {
        let mut shared = self.shared();
        shared.alarm = None;
        shared.is_held = false;
        self.released.notify_all();
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, client: TcpStream) {
        let Some(target) = self.shared().target else {
            return;
        };
        // A killed server refuses the connection; the client then sees a closed connection.
        let Ok(server) = TcpStream::connect(target) else {
            return;
        };
        let ways = [
            (client.try_clone(), server.try_clone()),
            (Ok(server), Ok(client)),
        ];
        for (from, to) in ways {
            let (Ok(from), Ok(to)) = (from, to) else {
                return;
            };
            let proxy = self.clone();
            std::thread::spawn(move || proxy.copy(from, to));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            self.count(length as u64);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Read);
        let _ = to.shutdown(Shutdown::Write);
    }

    fn count(&self, bytes: u64) {
        let mut shared = self.shared();
        shared.passed += bytes;
        let passed = shared.passed;
        if let Some((_, alarm)) = shared.alarm.take_if(|(at, _)| *at <= passed) {
            shared.is_held = true;
            // The receiver is gone if the process has ended before.
            let _ = alarm.send(());
        }
        let passing = self.released.wait_while(shared, |shared| shared.is_held);
        drop(passing.unwrap_or_else(PoisonError::into_inner));
    }
}
