//! The notification socket of a supervisor: the child sends it the messages of `sd_notify`.
//!
//! ```text
//! READY, STATUS ───────────────────────→ forwarded to the supervisor's own service manager, if there is one
//! WATCHDOG, STOPPING, anything else ───→ not forwarded: the supervisor itself continues
//! any message ─────────────────────────→ the child is alive
//! no message for the watchdog's time ──→ the child hangs
//! ```
//!
//! The timeout is counted in ticks of a quarter of that time. If the supervisor and its child are suspended together,
//! only one tick passes, so the suspended time does not count as a timeout.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A child without messages for this time hangs. The systemd unit has the same value.
const WATCHDOG_TIMEOUT: Duration = Duration::from_secs(120);

/// The number of ticks of the timeout.
const TICKS: u32 = 4;

/// Maximum length of a message.
const MAX_BYTES: usize = 4096;

/// A message of the child, or its absence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChildMessage {
    /// The child has started.
    Ready,
    /// A status line for people.
    Status(String),
    /// The child is alive.
    Alive,
    /// No message within the timeout.
    Timeout,
}

/// Receives the messages of the child and detects that it hangs.
#[derive(Debug)]
pub(super) struct Watchdog {
    socket: UnixDatagram,
    /// The same socket without the runtime, to drain messages that the runtime has not seen yet.
    system: std::os::unix::net::UnixDatagram,
    path: PathBuf,
    limit: Duration,
    ticks: Interval,
    missed: u32,
}

impl Watchdog {
    /// Creates the socket in the state directory, which only this user can access. `own` is the interval of the
    /// supervisor's own watchdog: a hanging child must be detected before that watchdog kills the supervisor.
    pub(super) fn listen(path: PathBuf, own: Option<Duration>) -> io::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let limit = limit(own);
        let mut ticks = interval(limit / TICKS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let system = std::os::unix::net::UnixDatagram::bind(&path)?;
        system.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixDatagram::from_std(system.try_clone()?)?,
            system,
            path,
            limit,
            ticks,
            missed: 0,
        })
    }

    /// The path for the child's `NOTIFY_SOCKET`.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The timeout.
    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Discards the messages of the previous child.
    pub(super) fn begin(&mut self) {
        let mut buffer = [0; MAX_BYTES];
        while self.system.recv(&mut buffer).is_ok() {}
        self.missed = 0;
        self.ticks.reset();
    }

    /// The next message. Cancel safe.
    pub(super) async fn next(&mut self) -> ChildMessage {
        let mut buffer = [0; MAX_BYTES];
        loop {
            tokio::select! {
                biased;
                received = self.socket.recv(&mut buffer) => {
                    // An unreadable message also shows that the child is alive.
                    let length = received.unwrap_or_default();
                    self.missed = 0;
                    self.ticks.reset();
                    return parse(buffer.get(..length).unwrap_or_default());
                }
                _ = self.ticks.tick() => {
                    self.missed += 1;
                    if self.missed >= TICKS {
                        self.missed = 0;
                        return ChildMessage::Timeout;
                    }
                }
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // If this fails, the next supervisor removes the file.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn limit(own: Option<Duration>) -> Duration {
    own.map_or(WATCHDOG_TIMEOUT, |own| {
        own.clamp(Duration::from_millis(400), WATCHDOG_TIMEOUT)
    })
}

fn parse(message: &[u8]) -> ChildMessage {
    let message = std::str::from_utf8(message).unwrap_or_default();
    match message.strip_prefix("STATUS=") {
        Some(status) => ChildMessage::Status(status.into()),
        None if message == "READY=1" => ChildMessage::Ready,
        None => ChildMessage::Alive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_parsed() {
        for (message, expected) in [
            (&b"READY=1"[..], ChildMessage::Ready),
            (
                b"STATUS=next sync at 7",
                ChildMessage::Status("next sync at 7".into()),
            ),
            (b"WATCHDOG=1", ChildMessage::Alive),
            (b"STOPPING=1", ChildMessage::Alive),
            (b"\xff", ChildMessage::Alive),
            (b"", ChildMessage::Alive),
        ] {
            assert_eq!(parse(message), expected, "{message:?}");
        }
    }

    #[test]
    fn the_timeout_is_shorter_than_the_supervisors_own_watchdog() {
        let seconds = Duration::from_secs;
        for (own, expected) in [
            (None, seconds(120)),
            (Some(seconds(60)), seconds(60)),
            (Some(seconds(600)), seconds(120)),
            (Some(Duration::from_micros(1)), Duration::from_millis(400)),
        ] {
            assert_eq!(limit(own), expected, "{own:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_message_restarts_the_timeout() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        std::fs::write(&path, "left over").unwrap();
        let mut watchdog = Watchdog::listen(path.clone(), None).unwrap();
        watchdog.begin();
        let child = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let began = tokio::time::Instant::now();
        for _ in 0..3 {
            let early = tokio::time::timeout(Duration::from_secs(100), watchdog.next()).await;
            assert!(early.is_err(), "{early:?}");
            child.send_to(b"WATCHDOG=1", &path).unwrap();
            assert_eq!(watchdog.next().await, ChildMessage::Alive);
        }
        assert_eq!(watchdog.next().await, ChildMessage::Timeout);
        let all = began.elapsed();
        assert!(all >= Duration::from_secs(420), "{all:?}");
        // A message of the previous child does not count.
        child.send_to(b"READY=1", &path).unwrap();
        watchdog.begin();
        assert_eq!(watchdog.next().await, ChildMessage::Timeout);
        drop(watchdog);
        assert!(!path.exists());
    }
}
