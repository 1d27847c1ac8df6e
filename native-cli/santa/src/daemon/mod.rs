//! Santa's daemon: it syncs by schedule, uploads events that an agent posts, and answers calls on its socket.
//!
//! ```text
//! trusted      as root, accepts only a configuration that no other user can write
//! socket       creates the socket, or takes it from systemd or the supervisor
//! ownership    whether the unprivileged user can access the state directory
//! privileges   drops root's privileges permanently
//! supervisor   a parent process that restarts the daemon
//! watchdog     detects a daemon that hangs
//! peers        connections of the socket, their limits, and their calls
//! event_loop   handles all events, with
//!   jobs         running syncs (job_event: what they send)
//!   calls        calls from the socket
//!   apply_config a changed configuration (reload: what the change means)
//!   pushes       push messages (push_connection: where they come from)
//! posts        events that an agent posts (event_filter: which are stored and uploaded)
//! waiters      calls that wait for a sync
//! network      notifications of network changes
//! clock        the monotonic clock for timers
//! unit         systemd units
//! ```
//!
//! If started as root, the daemon creates the socket in a directory that only root can write, then drops its privileges
//! permanently before it does anything else. It has one thread; slow work runs in tasks of that thread.

mod apply_config;
mod calls;
mod clock;
mod event_filter;
mod event_loop;
mod job_event;
mod jobs;
mod network;
mod ownership;
mod peers;
mod posts;
mod privileges;
mod push_connection;
mod pushes;
mod reload;
mod socket;
mod supervisor;
mod trusted;
mod unit;
mod waiters;
mod watchdog;

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use self::event_loop::{EventLoop, Sources};
use self::network::Network;
use self::privileges::UserChange;
use self::push_connection::Pushes;
use self::socket::Socket;
use self::supervisor::Supervisor;
use super::{Config, HostInfo, Paths};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::output::Output;
use selvedge_host::service::{Log, Signals};

pub use self::unit::Unit;

/// The environment variable by which a supervisor passes the serial number, which only root can read, to its child.
const SERIAL_NUMBER: &str = "SELVEDGE_SERIAL_NUMBER";

/// The options of a daemon.
#[derive(Debug)]
pub struct Start {
    /// The paths of the machine's state.
    pub paths: Paths,
    /// The configuration file, if not the default one.
    pub config: Option<PathBuf>,
    /// Whether to run a supervisor that restarts the daemon.
    pub supervise: bool,
    /// Whether this process is the child of a supervisor.
    pub is_supervised: bool,
    /// Where log lines are written.
    pub output: Output,
}

impl Start {
    /// Runs until the daemon is stopped. No other thread may exist yet, because privileges are dropped per thread.
    ///
    /// # Errors
    /// When the configuration is invalid, another daemon uses the same directory, no unprivileged user is configured
    /// for root, or the socket cannot be created.
    pub fn run(self) -> Result<()> {
        let program = std::env::current_exe().map_err(HostError::file(Path::new("selvedge")))?;
        let config = self.configuration()?;
        let user_change = privileges::user_change(geteuid(), config.user.as_deref())?;
        let mut host_info = HostInfo::gather();
        if self.is_supervised {
            let passed = std::env::var(SERIAL_NUMBER).ok();
            host_info.serial_number = host_info.serial_number.or(passed);
        }
        let socket = self.open_socket_and_drop_privileges(&config, &user_change)?;
        self.paths.make_dir()?;
        self.check_state_dir(&user_change)?;
        let log = Log::new(self.output);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                HostError::Failed(format!("the runtime cannot be started: {error}"))
            })?;
        if self.supervise {
            let args = std::env::args_os().skip(1);
            let mut supervisor = Supervisor::new(program, args, log);
            if let Some(serial) = &host_info.serial_number {
                supervisor.set_child_env(SERIAL_NUMBER, serial);
            }
            return runtime.block_on(supervisor.run(&socket, self.paths.notify_path()));
        }
        let _served = self.paths.daemon_lock()?;
        LocalSet::new().block_on(&runtime, self.serve(config, host_info, log, &socket))
    }

    /// Reads the configuration. Root accepts only a file that no other user can write.
    fn configuration(&self) -> Result<Config> {
        if geteuid().is_root() {
            let path = self.config.clone();
            trusted::load(&path.unwrap_or_else(|| self.paths.config_path()))
        } else {
            Config::load(&self.paths, self.config.as_deref())
        }
    }

    /// Opens the socket and drops root's privileges. Root creates the socket itself only in a directory that no other
    /// user can write: elsewhere another user could redirect it by a symbolic link.
    fn open_socket_and_drop_privileges(
        &self,
        config: &Config,
        change: &UserChange,
    ) -> Result<Socket> {
        if self.is_supervised {
            privileges::apply(change)?;
            // Stop with the supervisor: a daemon without it would prevent the next one from starting.
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(|error| {
                HostError::Failed(format!(
                    "the daemon cannot be stopped together with its supervisor: {error}"
                ))
            })?;
            return Socket::of_input();
        }
        let path = config.socket_path(&self.paths);
        let open = || Socket::open(&path, config.socket_group.as_deref());
        match change {
            UserChange::Keep => {
                self.paths.make_dir()?;
                privileges::apply(change)?;
                open()
            }
            UserChange::SwitchTo(user) => {
                privileges::make_dir(self.paths.dir(), user)?;
                ownership::check(&self.paths, user)?;
                let is_early = trusted::is_root_owned_dir(&path);
                let early = is_early.then(open).transpose()?;
                privileges::apply(change)?;
                early.map_or_else(open, Ok)
            }
        }
    }

    /// Checks that the user can write in the state directory.
    fn check_state_dir(&self, change: &UserChange) -> Result<()> {
        let UserChange::SwitchTo(user) = change else {
            return Ok(());
        };
        let dir = self.paths.dir();
        tempfile::tempfile_in(dir)
            .map(drop)
            .map_err(|error| HostError::BadFile {
                path: dir.to_owned(),
                detail: format!(
                    "the user {} cannot write here ({error}): set --data-dir to a directory of this user",
                    user.name
                ),
            })
    }

    async fn serve(
        self,
        config: Config,
        host_info: HostInfo,
        log: Log,
        socket: &Socket,
    ) -> Result<()> {
        let listener = socket
            .listener()
            .map_err(|error| HostError::Failed(format!("the socket cannot be used: {error}")))?;
        let (accepting, calls) = peers::listen(listener, config.agent_uid);
        tokio::task::spawn_local(accepting);
        let (sender, job_events) = mpsc::unbounded_channel();
        let sources = Sources {
            signals: Signals::new()?,
            calls,
            network: Network::watch(),
            job_events,
        };
        let pushes = Pushes::new(log);
        let mut event_loop =
            EventLoop::new(self.paths, self.config, host_info, log, sender, pushes);
        event_loop.run(config, sources).await
    }
}
