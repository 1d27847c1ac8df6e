//! `selvedge santa daemon`.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::grammar::ConfigFile;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::config::settings;
use selvedge_santa_host::daemon::{Start, Unit};

/// The user of the daemon in a unit, unless the configuration sets one.
const DEFAULT_USER: &str = "selvedge";

/// Arguments of `santa daemon`.
#[derive(Debug, Args)]
#[command(
    long_about = "Sync by schedule, and serve agents and people on a socket, until stopped.\n\nIf started as root, it creates its socket and then switches to the user that santa.toml sets. It reloads santa.toml on SIGHUP and when the file changes.",
    after_help = "Example:\n  selvedge santa daemon --print-unit",
    after_long_help = settings::help("selvedge santa daemon --print-unit")
)]
pub struct DaemonArgs {
    /// The configuration file.
    #[command(flatten)]
    config: ConfigFile,
    /// Print a systemd unit, the service or its socket, and exit.
    #[arg(long, value_name = "UNIT", num_args = 0..=1, default_missing_value = "service")]
    print_unit: Option<UnitKind>,
    /// Restart the daemon when it exits or hangs; for systems without systemd.
    #[arg(long)]
    supervise: bool,
    /// Run as the child of a supervisor.
    #[arg(long, hide = true, conflicts_with = "supervise")]
    supervised: bool,
}

/// A unit of systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnitKind {
    /// The daemon.
    Service,
    /// Its socket, which systemd creates before the daemon starts.
    Socket,
}

/// Runs the daemon until it is stopped, or prints a unit.
pub(super) fn run(device: &Device, args: DaemonArgs) -> Result<()> {
    if let Some(kind) = args.print_unit {
        return print_unit(device, &args, kind);
    }
    let start = Start {
        paths: super::paths(device),
        config: args.config.config,
        supervise: args.supervise,
        is_supervised: args.supervised,
        output: device.output,
    };
    start.run()
}

fn print_unit(device: &Device, args: &DaemonArgs, kind: UnitKind) -> Result<()> {
    let paths = super::paths(device);
    let config = super::config(device, &args.config)?;
    let program = std::env::current_exe().map_err(HostError::file(Path::new("selvedge")))?;
    let dir = std::path::absolute(paths.dir()).map_err(HostError::file(paths.dir()))?;
    let socket = std::path::absolute(config.socket_path(&paths)).map_err(HostError::file(&dir))?;
    for path in [&program, &dir, &socket] {
        selvedge_host::service::check(path)?;
    }
    let unit = Unit {
        program: &program,
        state_dir: &dir,
        socket: &socket,
        user: config.user.as_deref().unwrap_or(DEFAULT_USER),
        group: config.socket_group.as_deref(),
    };
    device.output.print(&match kind {
        UnitKind::Service => unit.service(),
        UnitKind::Socket => unit.socket(),
    })
}
