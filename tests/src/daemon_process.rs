//! A daemon of the program as a child process, controlled by signals.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::Run;

/// Timeout of its end.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A process that runs until it gets a signal. It is killed when the value is dropped, and with it a supervisor's child.
#[derive(Debug)]
pub struct DaemonProcess(Child);

impl DaemonProcess {
    /// Starts it without waiting.
    #[must_use]
    pub fn start(run: Run) -> Self {
        Self(run.spawn())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal, in the form of the command `kill`: `-HUP`.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Stops it with SIGTERM, and waits until it has ended.
    ///
    /// # Panics
    /// If it does not end, or fails.
    #[track_caller]
    pub fn stops(mut self) {
        self.signal("-TERM");
        self.ends_well();
    }

    /// Waits until it has ended successfully.
    ///
    /// # Panics
    /// If it does not end, or fails.
    #[track_caller]
    pub fn ends_well(&mut self) {
        let began = Instant::now();
        while self.0.try_wait().expect("a child can be asked").is_none() {
            assert!(began.elapsed() < TIMEOUT, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
        let status = self.0.wait().expect("it has ended");
        assert!(status.success(), "{status}");
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a process, in the form of the command `kill`.
///
/// # Panics
/// If the signal cannot be sent.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "{name} to {pid}");
}
