//! A daemon of ours as a child: it is told by signals, and dies with its value.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::Run;

/// A slow machine gets this long to stop.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A process that runs until it is told to stop. It is killed when the value goes; a supervisor's child goes with it.
#[derive(Debug)]
pub struct DaemonProcess(Child);

impl DaemonProcess {
    /// Starts it without waiting.
    #[must_use]
    pub fn start(run: Run) -> Self {
        Self(run.spawn())
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal, as `kill` spells it: `-HUP`.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// When it does not stop, or not well.
    #[track_caller]
    pub fn stops(mut self) {
        self.signal("-TERM");
        self.ends_well();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not come, or is no good one.
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

/// Sends a signal to any process of ours, as `kill` spells it.
///
/// # Panics
/// When it cannot be sent.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "{name} to {pid}");
}
