//! A parent that starts the daemon again when it dies, where there is no systemd to do it (spec §5.5).
//!
//! ```text
//! it died ────────────────────────→ again after 1 s
//! it died within 10 s, once more ─→ twice as long as before, at most 60 s
//! it says nothing for 2 minutes ──→ it hangs: it is killed, and again after 1 s
//! its configuration is of no use ─→ the end: a person has to see to it first
//! SIGHUP ─────────────────────────→ it looks at its configuration again
//! SIGTERM, SIGINT ────────────────→ it ends, and so do we; after 20 s it is ended
//! ```
//!
//! The socket is the parent's: whoever speaks to the daemon while there is none waits a second, and is not refused.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::socket::Socket;
use super::watchdog::{Heard, Watchdog};
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::service::{Log, Notifier, Signalled, Signals};

/// The option by which a child knows that it is one.
pub(super) const CHILD: &str = "--supervised";

/// Who lives so long has started well.
const WELL: Duration = Duration::from_secs(10);

/// The shortest and the longest wait.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A child that is told to end has so long.
const GRACE: Duration = Duration::from_secs(20);

/// What the parent starts, again and again.
#[derive(Debug)]
pub(super) struct Supervisor {
    program: PathBuf,
    args: Vec<OsString>,
    told: Vec<(&'static str, String)>,
    wait: Duration,
    log: Log,
    notifier: Notifier,
}

/// What the end of a child means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Start another after so long.
    Again(Duration),
    /// It would end the same way.
    GiveUp,
}

/// Decides by how it ended, how long it lived, and how long was waited before it.
fn judge(code: Option<i32>, lived: Duration, waited: Duration) -> Verdict {
    match code {
        Some(code) if code == Exit::Usage as i32 => Verdict::GiveUp,
        _ if lived < WELL => Verdict::Again((waited * 2).clamp(SHORTEST, LONGEST)),
        _ => Verdict::Again(SHORTEST),
    }
}

/// How a child came to its end.
enum Ended {
    ByItself(ExitStatus),
    ByUs,
}

impl Supervisor {
    /// Starts this program, as it was started, but for the one option.
    pub(super) fn new(program: PathBuf, args: impl Iterator<Item = OsString>, log: Log) -> Self {
        Self {
            program,
            args: as_child(args),
            told: Vec::new(),
            wait: Duration::ZERO,
            log,
            notifier: Notifier::from_env(),
        }
    }

    /// Tells each child something by its environment.
    pub(super) fn tell(&mut self, name: &'static str, value: &str) {
        self.told.push((name, value.into()));
    }

    /// Until it is told to stop. What its children say of themselves comes to `ear`.
    pub(super) async fn run(mut self, socket: &Socket, ear: PathBuf) -> Result<()> {
        let mut signals = Signals::new()?;
        let mut watchdog = Watchdog::listen(ear, self.notifier.watchdog()).map_err(|error| {
            HostError::Failed(format!("the supervisor cannot hear of the daemon: {error}"))
        })?;
        loop {
            let began = Instant::now();
            watchdog.begin();
            let shared = socket.share().map_err(|error| self.lost(&error))?;
            let child = self.start(shared, &watchdog);
            let child = child.map_err(|error| self.lost(&error))?;
            let status = match self.watch(child, &mut watchdog, &mut signals).await? {
                Ended::ByUs => return Ok(()),
                Ended::ByItself(status) => status,
            };
            match judge(status.code(), began.elapsed(), self.wait) {
                Verdict::GiveUp => {
                    return Err(HostError::Usage(
                        "the daemon cannot work so: it said why, see to that first".into(),
                    ));
                }
                Verdict::Again(wait) => self.wait = wait,
            }
            let text = format!(
                "the daemon ended ({status}) and starts again in {} s",
                self.wait.as_secs()
            );
            self.notifier.status(&text);
            self.log.say("restarting", &text);
            if self.is_stopped_within_wait(&mut signals).await {
                return Ok(());
            }
        }
    }

    fn lost(&self, error: &std::io::Error) -> HostError {
        HostError::Failed(format!("the daemon cannot be started: {error}"))
    }

    fn start(&self, socket: OwnedFd, watchdog: &Watchdog) -> std::io::Result<Child> {
        let watchdog_micros = watchdog.limit().as_micros().to_string();
        Command::new(&self.program)
            .args(&self.args)
            .envs(self.told.iter().map(|(name, value)| (name, value)))
            .env("NOTIFY_SOCKET", watchdog.path())
            .env("WATCHDOG_USEC", watchdog_micros)
            // It names the process that a service manager watches, which is the supervisor.
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::from(socket))
            .kill_on_drop(true)
            .spawn()
    }

    async fn watch(
        &self,
        mut child: Child,
        watchdog: &mut Watchdog,
        signals: &mut Signals,
    ) -> Result<Ended> {
        loop {
            self.notifier.alive();
            tokio::select! {
                status = child.wait() => return Ok(Ended::ByItself(status.map_err(|error| self.lost(&error))?)),
                heard = watchdog.next() => match heard {
                    Heard::Ready => self.notifier.ready(),
                    Heard::Status(text) => self.notifier.status(&text),
                    Heard::Life => {}
                    Heard::Silence => {
                        let text = format!(
                            "the daemon has said nothing for {} s: it hangs, and is killed",
                            watchdog.limit().as_secs()
                        );
                        self.log.say("killed", &text);
                        send(&child, Signal::SIGKILL);
                    }
                },
                () = self.own_watchdog() => {}
                signal = signals.next() => match signal {
                    Signalled::Hangup => send(&child, Signal::SIGHUP),
                    Signalled::Stop => {
                        self.notifier.stopping();
                        send(&child, Signal::SIGTERM);
                        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                            self.log.say("killed", "the daemon did not end in time");
                            // It is gone already, or goes now.
                            let _ = child.kill().await;
                        }
                        return Ok(Ended::ByUs);
                    }
                },
            }
        }
    }

    async fn is_stopped_within_wait(&self, signals: &mut Signals) -> bool {
        let until = tokio::time::Instant::now() + self.wait;
        loop {
            self.notifier.alive();
            tokio::select! {
                () = tokio::time::sleep_until(until) => return false,
                () = self.own_watchdog() => {}
                signal = signals.next() => if signal == Signalled::Stop {
                    self.notifier.stopping();
                    return true;
                },
            }
        }
    }

    /// Comes back when the service manager wants to hear that the supervisor lives.
    async fn own_watchdog(&self) {
        match self.notifier.watchdog() {
            Some(every) => tokio::time::sleep(every).await,
            None => std::future::pending().await,
        }
    }
}

/// A child that has ended cannot be signalled, and need not.
fn send(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The same arguments for a child.
fn as_child(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    args.map(|arg| match arg == "--supervise" {
        true => CHILD.into(),
        false => arg,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        let seconds = Duration::from_secs;
        let rows = [
            (
                "killed after a while",
                None,
                11,
                0,
                Verdict::Again(seconds(1)),
            ),
            (
                "killed after a while, once more",
                None,
                11,
                32,
                Verdict::Again(seconds(1)),
            ),
            ("killed at once", None, 9, 0, Verdict::Again(seconds(1))),
            (
                "killed at once, again",
                None,
                9,
                1,
                Verdict::Again(seconds(2)),
            ),
            (
                "failed at once, again and again",
                Some(1),
                0,
                32,
                Verdict::Again(seconds(60)),
            ),
            (
                "the longest wait",
                Some(10),
                0,
                60,
                Verdict::Again(seconds(60)),
            ),
            (
                "it was asked to stop",
                Some(0),
                100,
                1,
                Verdict::Again(seconds(1)),
            ),
            ("of no use", Some(2), 0, 1, Verdict::GiveUp),
        ];
        for (name, code, lived, waited, expected) in rows {
            assert_eq!(
                judge(code, seconds(lived), seconds(waited)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_child_is_started_as_we_were() {
        let args = ["--data-dir", "/p", "santa", "daemon", "--supervise"];
        let child = as_child(args.iter().map(OsString::from));
        assert_eq!(
            child,
            ["--data-dir", "/p", "santa", "daemon", "--supervised"]
        );
    }
}
