//! What a supervisor hears of its child: the child tells it what it would tell a service manager (`sd_notify`).
//!
//! ```text
//! READY, STATUS ───────────────────────→ told to the supervisor's own service manager, if there is one
//! WATCHDOG, STOPPING, anything else ───→ not told: another child may follow, and the supervisor lives
//! each of them ────────────────────────→ the child lives
//! none for the watchdog's time ────────→ it hangs
//! ```
//!
//! Silence is counted in parts of that time, so that a supervisor that was stopped itself, together with its child,
//! does not take the time that it missed for silence.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A child that says nothing for so long hangs; the same as in the systemd unit.
const WATCHDOG: Duration = Duration::from_secs(120);

/// In so many parts silence is counted.
const PARTS: u32 = 4;

/// What a child says is not longer.
const MAX_BYTES: usize = 4096;

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It works.
    Ready,
    /// A line for people.
    Status(String),
    /// That it lives.
    Life,
    /// Nothing, for too long.
    Silence,
}

/// The ear of a supervisor.
#[derive(Debug)]
pub(super) struct Watchdog {
    socket: UnixDatagram,
    /// The same, as the system has it: what has come may not be known to the runtime yet.
    system: std::os::unix::net::UnixDatagram,
    path: PathBuf,
    limit: Duration,
    parts: Interval,
    silent: u32,
}

impl Watchdog {
    /// Listens where only this user's processes come. `own` is how often the supervisor's own watchdog wants to hear of
    /// it: a child must be found to hang earlier than the supervisor.
    pub(super) fn listen(path: PathBuf, own: Option<Duration>) -> io::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let limit = limit(own);
        let mut parts = interval(limit / PARTS);
        parts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let system = std::os::unix::net::UnixDatagram::bind(&path)?;
        system.set_nonblocking(true)?;
        Ok(Self {
            socket: UnixDatagram::from_std(system.try_clone()?)?,
            system,
            path,
            limit,
            parts,
            silent: 0,
        })
    }

    /// Where the child is to speak.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How long it may be silent.
    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Another child begins: what the one before said does not count.
    pub(super) fn begin(&mut self) {
        let mut buffer = [0; MAX_BYTES];
        while self.system.recv(&mut buffer).is_ok() {}
        self.silent = 0;
        self.parts.reset();
    }

    /// What is heard next. It may be dropped before there is anything.
    pub(super) async fn next(&mut self) -> Heard {
        let mut buffer = [0; MAX_BYTES];
        loop {
            tokio::select! {
                biased;
                received = self.socket.recv(&mut buffer) => {
                    // What cannot be read shows that somebody spoke.
                    let length = received.unwrap_or_default();
                    self.silent = 0;
                    self.parts.reset();
                    return meaning(buffer.get(..length).unwrap_or_default());
                }
                _ = self.parts.tick() => {
                    self.silent += 1;
                    if self.silent >= PARTS {
                        self.silent = 0;
                        return Heard::Silence;
                    }
                }
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Where it stays, the next supervisor removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn limit(own: Option<Duration>) -> Duration {
    own.map_or(WATCHDOG, |own| {
        own.clamp(Duration::from_millis(400), WATCHDOG)
    })
}

fn meaning(said: &[u8]) -> Heard {
    let said = std::str::from_utf8(said).unwrap_or_default();
    match said.strip_prefix("STATUS=") {
        Some(status) => Heard::Status(status.into()),
        None if said == "READY=1" => Heard::Ready,
        None => Heard::Life,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meaning() {
        for (said, expected) in [
            (&b"READY=1"[..], Heard::Ready),
            (
                b"STATUS=next sync at 7",
                Heard::Status("next sync at 7".into()),
            ),
            (b"WATCHDOG=1", Heard::Life),
            (b"STOPPING=1", Heard::Life),
            (b"\xff", Heard::Life),
            (b"", Heard::Life),
        ] {
            assert_eq!(meaning(said), expected, "{said:?}");
        }
    }

    #[test]
    fn a_child_is_found_to_hang_before_its_supervisor_is() {
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
    async fn only_a_whole_time_of_silence_counts_and_each_word_begins_it_anew() {
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
            assert_eq!(watchdog.next().await, Heard::Life);
        }
        assert_eq!(watchdog.next().await, Heard::Silence);
        let all = began.elapsed();
        assert!(all >= Duration::from_secs(420), "{all:?}");
        // What was said before another child began is not that child's.
        child.send_to(b"READY=1", &path).unwrap();
        watchdog.begin();
        assert_eq!(watchdog.next().await, Heard::Silence);
        drop(watchdog);
        assert!(!path.exists());
    }
}
