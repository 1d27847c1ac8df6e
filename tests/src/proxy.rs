//! A TCP proxy that counts bytes and stops all traffic when a chosen one has passed, to kill a process in the middle of
//! things however fast the machine is.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A proxy on a free port of this machine. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    released: Arc<Condvar>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether traffic waits for [`Proxy::release`].
    is_held: bool,
    target: Option<SocketAddr>,
    passed: u64,
    alarm: Option<(u64, Sender<()>)>,
}

impl Proxy {
    /// A proxy that leads nowhere yet.
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

    /// The URL that leads through it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads new connections to `target` from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        self.shared().target = Some(target);
    }

    /// How many bytes have passed, both ways together.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.shared().passed
    }

    /// Tells when `bytes` more have passed, both ways together. Nothing passes from then on until [`Proxy::release`].
    #[must_use]
    pub fn alarm_after(&self, bytes: u64) -> Receiver<()> {
        let (sender, receiver) = channel();
        let mut shared = self.shared();
        shared.alarm = Some((shared.passed + bytes, sender));
        receiver
    }

    /// Lets traffic pass again, and forgets an alarm that has not rung.
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
        // A server that was killed refuses; the client then sees a cut connection.
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
            // Nobody listens when the process ended before.
            let _ = alarm.send(());
        }
        let passing = self.released.wait_while(shared, |shared| shared.is_held);
        drop(passing.unwrap_or_else(PoisonError::into_inner));
    }
}
