//! Sends the daemon's state to the service manager: `sd_notify`'s datagrams, without its library.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The maximum time that a message to a service manager may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the service manager listens, if there is one.
#[derive(Debug)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the service manager set it in the environment.
    pub fn from_env() -> Self {
        Self {
            socket: std::env::var_os("NOTIFY_SOCKET").and_then(|name| open(&name)),
            watchdog: interval(
                std::env::var("WATCHDOG_USEC").ok().as_deref(),
                std::env::var("WATCHDOG_PID").ok().as_deref(),
                std::process::id(),
            ),
        }
    }

    /// The interval of messages to the watchdog: half of its timeout.
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The daemon works.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// The daemon is alive.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            self.say("WATCHDOG=1");
        }
    }

    /// The daemon is about to stop.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// One line for people who ask the service manager.
    pub fn status(&self, text: &str) {
        self.say(&format!("STATUS={}", text.replace('\n', " ")));
    }

    fn say(&self, message: &str) {
        if let Some((socket, address)) = &self.socket {
            // A service manager that has closed its socket is not a reason to stop syncing.
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}

/// A name that begins with `@` is in the abstract namespace, which Linux has.
fn open(name: &OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name).ok()?
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => return None,
        None => SocketAddr::from_pathname(name).ok()?,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_write_timeout(Some(TIMEOUT)).ok()?;
    Some((socket, address))
}

/// Half of the watchdog's time, if it is meant for this process.
fn interval(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let usec: u64 = usec?.parse().ok()?;
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    (is_ours && usec > 0).then(|| Duration::from_micros(usec / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_hears_of_us_twice_in_its_time() {
        let rows = [
            ("none", None, None, None),
            ("for any process", Some("4000000"), None, Some(2)),
            ("for us", Some("4000000"), Some("7"), Some(2)),
            ("for another process", Some("4000000"), Some("8"), None),
            ("no number", Some("soon"), None, None),
            ("zero", Some("0"), None, None),
        ];
        for (name, usec, pid, expected) in rows {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(interval(usec, pid, 7), expected, "{name}");
        }
    }
}
