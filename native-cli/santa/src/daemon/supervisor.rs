//! A parent process that restarts the daemon when it exits, for systems without systemd (spec §5.5).
//!
//! ```text
//! the daemon exits ────────────────→ restart after 1 s
//! it exits again within 10 s ──────→ double the previous delay, at most 60 s
//! no keep-alive for 2 minutes ─────→ the daemon hangs: kill it, and restart after 1 s
//! exit code 2 (configuration) ─────→ give up: a person has to fix the configuration
//! SIGHUP ──────────────────────────→ forward it: the daemon reloads its configuration
//! SIGTERM, SIGINT ─────────────────→ stop the daemon, kill it after 20 s, and exit
//! ```
//!
//! The parent owns the socket: connections during a restart wait until the new daemon accepts them, and are not
//! refused.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::socket::Socket;
use super::watchdog::{ChildMessage, Watchdog};
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::service::{Log, Notifier, Signalled, Signals};

/// The option of the child process.
pub(super) const CHILD: &str = "--supervised";

/// A daemon that runs longer than this has started successfully.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// The minimum and maximum delay before a restart.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(60);

/// How long the child may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts and restarts the daemon.
#[derive(Debug)]
pub(super) struct Supervisor {
    program: PathBuf,
    args: Vec<OsString>,
    child_env: Vec<(&'static str, String)>,
    delay: Duration,
    log: Log,
    notifier: Notifier,
}

/// What to do after the child has exited.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Restart after this delay.
    Restart(Duration),
    /// A restart would fail in the same way.
    GiveUp,
}

/// Decides by the exit code, the run time, and the delay before this start.
fn decide(code: Option<i32>, lived: Duration, waited: Duration) -> Verdict {
    match code {
        Some(code) if code == Exit::Usage as i32 => Verdict::GiveUp,
        _ if lived < STABLE_AFTER => Verdict::Restart((waited * 2).clamp(MIN_DELAY, MAX_DELAY)),
        _ => Verdict::Restart(MIN_DELAY),
    }
}

/// Why a child has ended.
enum Ended {
    Exited(ExitStatus),
    Stopped,
}

impl Supervisor {
    /// The child is this program with the same arguments, except for `--supervise`.
    pub(super) fn new(program: PathBuf, args: impl Iterator<Item = OsString>, log: Log) -> Self {
        Self {
            program,
            args: child_args(args),
            child_env: Vec::new(),
            delay: Duration::ZERO,
            log,
            notifier: Notifier::from_env(),
        }
    }

    /// Sets an environment variable for each child.
    pub(super) fn set_child_env(&mut self, name: &'static str, value: &str) {
        self.child_env.push((name, value.into()));
    }

    /// Runs until a signal stops the supervisor. `notify_path` is the notification socket for the children.
    pub(super) async fn run(mut self, socket: &Socket, notify_path: PathBuf) -> Result<()> {
        let mut signals = Signals::new()?;
        let mut watchdog =
            Watchdog::listen(notify_path, self.notifier.watchdog()).map_err(|error| {
                HostError::Failed(format!(
                    "the notification socket of the supervisor cannot be created: {error}"
                ))
            })?;
        loop {
            let began = Instant::now();
            watchdog.begin();
            let shared = socket.share().map_err(|error| self.start_error(&error))?;
            let child = self.start(shared, &watchdog);
            let child = child.map_err(|error| self.start_error(&error))?;
            let status = match self.watch(child, &mut watchdog, &mut signals).await? {
                Ended::Stopped => return Ok(()),
                Ended::Exited(status) => status,
            };
            match decide(status.code(), began.elapsed(), self.delay) {
                Verdict::GiveUp => {
                    return Err(HostError::Usage(
                        "the daemon exited because its configuration is invalid: fix the error in the log, then start it again".into(),
                    ));
                }
                Verdict::Restart(delay) => self.delay = delay,
            }
            let text = format!(
                "the daemon exited ({status}); restart in {} s",
                self.delay.as_secs()
            );
            self.notifier.status(&text);
            self.log.say("restarting", &text);
            if self.is_stopped_during_delay(&mut signals).await {
                return Ok(());
            }
        }
    }

    fn start_error(&self, error: &std::io::Error) -> HostError {
        HostError::Failed(format!("the daemon cannot be started: {error}"))
    }

    fn start(&self, socket: OwnedFd, watchdog: &Watchdog) -> std::io::Result<Child> {
        let watchdog_micros = watchdog.limit().as_micros().to_string();
        Command::new(&self.program)
            .args(&self.args)
            .envs(self.child_env.iter().map(|(name, value)| (name, value)))
            .env("NOTIFY_SOCKET", watchdog.path())
            .env("WATCHDOG_USEC", watchdog_micros)
            // The id is that of the supervisor, which the service manager watches.
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
                status = child.wait() => return Ok(Ended::Exited(status.map_err(|error| self.start_error(&error))?)),
                message = watchdog.next() => match message {
                    ChildMessage::Ready => self.notifier.ready(),
                    ChildMessage::Status(text) => self.notifier.status(&text),
                    ChildMessage::Alive => {}
                    ChildMessage::Timeout => {
                        let text = format!(
                            "the daemon hangs: no keep-alive message for {} s; it is killed",
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
                        if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
                            self.log.say("killed", "the daemon did not stop in time");
                            // An error means that it has already exited.
                            let _ = child.kill().await;
                        }
                        return Ok(Ended::Stopped);
                    }
                },
            }
        }
    }

    async fn is_stopped_during_delay(&self, signals: &mut Signals) -> bool {
        let until = tokio::time::Instant::now() + self.delay;
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

    /// Returns when the next keep-alive message to the service manager is due.
    async fn own_watchdog(&self) {
        match self.notifier.watchdog() {
            Some(every) => tokio::time::sleep(every).await,
            None => std::future::pending().await,
        }
    }
}

/// Sends a signal. A child that has exited is ignored.
fn send(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The arguments of a child: the same, with `--supervised` instead of `--supervise`.
fn child_args(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let child_arg = |arg: OsString| {
        if arg == "--supervise" {
            CHILD.into()
        } else {
            arg
        }
    };
    args.map(child_arg).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_for_each_exit() {
        let seconds = Duration::from_secs;
        let rows = [
            (
                "killed after a while",
                None,
                11,
                0,
                Verdict::Restart(seconds(1)),
            ),
            (
                "killed after a while, once more",
                None,
                11,
                32,
                Verdict::Restart(seconds(1)),
            ),
            ("killed at once", None, 9, 0, Verdict::Restart(seconds(1))),
            (
                "killed at once, again",
                None,
                9,
                1,
                Verdict::Restart(seconds(2)),
            ),
            (
                "failed at once, again and again",
                Some(1),
                0,
                32,
                Verdict::Restart(seconds(60)),
            ),
            (
                "the longest wait",
                Some(10),
                0,
                60,
                Verdict::Restart(seconds(60)),
            ),
            (
                "it was asked to stop",
                Some(0),
                100,
                1,
                Verdict::Restart(seconds(1)),
            ),
            ("invalid configuration", Some(2), 0, 1, Verdict::GiveUp),
        ];
        for (name, code, lived, waited, expected) in rows {
            assert_eq!(
                decide(code, seconds(lived), seconds(waited)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_child_gets_the_same_arguments() {
        let args = ["--data-dir", "/p", "santa", "daemon", "--supervise"];
        let child = child_args(args.iter().map(OsString::from));
        assert_eq!(
            child,
            ["--data-dir", "/p", "santa", "daemon", "--supervised"]
        );
    }
}
