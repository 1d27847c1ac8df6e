//! Santa's daemon: it syncs by schedule, uploads what an agent posts, and answers on its socket.
//!
//! ```text
//! trusted      root reads no configuration that others may write
//! socket       made, or handed over
//! ownership    whether the user whom root becomes can work where the state is
//! privileges   root's are given up, for good
//! supervisor   a parent that starts the daemon again
//! pulse        how the parent hears that it lives
//! peers        who speaks on the socket, and what they ask
//! heart        the loop; jobs, calls, configuring, pushes: what it does about what happens
//! posts, disposition  events that an agent posts
//! waiters      who asked for a sync
//! network      whether there is one
//! clock        time that nobody sets
//! unit         the same for systemd
//! ```
//!
//! Root makes the socket where only root may, then is nobody special for good, and everything else happens then. One
//! thread does all of it; whatever takes its time is a task of that thread.

mod calls;
mod clock;
mod configuring;
mod event_filter;
mod event_loop;
mod jobs;
mod network;
mod ownership;
mod peers;
mod posts;
mod privileges;
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
use self::privileges::Course;
use self::pushes::Pushes;
use self::socket::Socket;
use self::supervisor::Supervisor;
use super::{Config, HostInfo, Paths};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::output::Output;
use selvedge_host::service::{Log, Signals};

pub use self::unit::Unit;

/// Under this name a supervisor tells its children what only root could read.
const SERIAL_NUMBER: &str = "SELVEDGE_SERIAL_NUMBER";

/// A daemon that is to be started.
#[derive(Debug)]
pub struct Start {
    /// Where the machine's state is.
    pub paths: Paths,
    /// The configuration, if not in its usual place.
    pub config: Option<PathBuf>,
    /// Whether a parent is to start it again when it dies.
    pub supervise: bool,
    /// Whether it is the child of such a parent.
    pub is_supervised: bool,
    /// Where its log lines go.
    pub output: Output,
}

impl Start {
    /// Runs until it is told to stop. No other thread may run yet: a thread keeps its privileges to itself.
    ///
    /// # Errors
    /// When the configuration cannot be used, another daemon serves the place, root would have to stay root, or the system
    /// gives no socket.
    pub fn run(self) -> Result<()> {
        let program = std::env::current_exe().map_err(HostError::file(Path::new("selvedge")))?;
        let config = self.configuration()?;
        let course = privileges::course(geteuid(), config.user.as_deref())?;
        let mut host_info = HostInfo::gather();
        if self.is_supervised {
            let told = std::env::var(SERIAL_NUMBER).ok();
            host_info.serial_number = host_info.serial_number.or(told);
        }
        let socket = self.become_nobody(&config, &course)?;
        self.paths.make_dir()?;
        self.check_place(&course)?;
        let log = Log::new(self.output);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                HostError::Failed(format!("the system gives no threads or sockets: {error}"))
            })?;
        if self.supervise {
            let args = std::env::args_os().skip(1);
            let mut supervisor = Supervisor::new(program, args, log);
            if let Some(serial) = &host_info.serial_number {
                supervisor.tell(SERIAL_NUMBER, serial);
            }
            return runtime.block_on(supervisor.run(&socket, self.paths.notify_path()));
        }
        let _served = self.paths.daemon_lock()?;
        LocalSet::new().block_on(&runtime, self.serve(config, host_info, log, &socket))
    }

    /// Reads the configuration; for root, only one that nobody else could have written.
    fn configuration(&self) -> Result<Config> {
        match geteuid().is_root() {
            true => {
                let path = self.config.clone();
                trusted::load(&path.unwrap_or_else(|| self.paths.config_path()))
            }
            false => Config::load(&self.paths, self.config.as_deref()),
        }
    }

    /// Root makes the socket where only root may; where others may, they could have it do so elsewhere.
    fn become_nobody(&self, config: &Config, course: &Course) -> Result<Socket> {
        if self.is_supervised {
            privileges::take(course)?;
            // A daemon whose supervisor is gone would keep the next one from starting.
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(|error| {
                HostError::Failed(format!("the supervisor cannot be watched: {error}"))
            })?;
            return Socket::of_input();
        }
        let path = config.socket_path(&self.paths);
        let open = || Socket::open(&path, config.socket_group.as_deref());
        match course {
            Course::Stay => {
                self.paths.make_dir()?;
                privileges::take(course)?;
                open()
            }
            Course::Become(user) => {
                privileges::make_dir(self.paths.dir(), user)?;
                ownership::check(&self.paths, user)?;
                let is_early = trusted::is_roots_dir(&path);
                let early = is_early.then(open).transpose()?;
                privileges::take(course)?;
                early.map_or_else(open, Ok)
            }
        }
    }

    /// Whether the user may work where the state is.
    fn check_place(&self, course: &Course) -> Result<()> {
        let Course::Become(user) = course else {
            return Ok(());
        };
        let dir = self.paths.dir();
        tempfile::tempfile_in(dir)
            .map(drop)
            .map_err(|error| HostError::BadFile {
                path: dir.to_owned(),
                detail: format!(
                    "the user {} cannot write here ({error}): keep the state in a directory of its own, by --data-dir",
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
        let listener = socket.listener().map_err(|error| {
            HostError::Failed(format!("the socket cannot be listened to: {error}"))
        })?;
        let (accepting, asked) = peers::listen(listener, config.agent_uid);
        tokio::task::spawn_local(accepting);
        let (sender, happened) = mpsc::unbounded_channel();
        let sources = Sources {
            signals: Signals::new()?,
            asked,
            network: Network::watch(),
            happened,
        };
        let pushes = Pushes::new(log);
        let mut event_loop =
            EventLoop::new(self.paths, self.config, host_info, log, sender, pushes);
        event_loop.beat(config, sources).await
    }
}
