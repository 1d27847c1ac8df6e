//! `selvedge santa daemon`.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::grammar::ConfigFile;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::config::known;
use selvedge_santa_host::daemon::{Start, Unit};

/// The daemon's user in a unit if the configuration has none.
const USER: &str = "selvedge";

/// Options of the daemon.
#[derive(Debug, Args)]
#[command(
    long_about = "Sync on a schedule and serve agents and commands on a socket, until stopped.\n\nIf root starts the daemon, it creates its socket and then switches to the user in santa.toml. It reloads santa.toml on SIGHUP and when the file changes.",
    after_help = "Example:\n  selvedge santa daemon --print-unit",
    after_long_help = known::help("selvedge santa daemon --print-unit")
)]
pub struct DaemonArgs {
    /// The configuration file.
    #[command(flatten)]
    config: ConfigFile,
    /// Print a systemd unit, of the service or its socket, and exit.
    #[arg(long, value_name = "UNIT", num_args = 0..=1, default_missing_value = "service")]
    print_unit: Option<UnitKind>,
    /// Restart the daemon if it exits or hangs, for systems without systemd.
    #[arg(long)]
    supervise: bool,
    /// Run as the supervised daemon.
    #[arg(long, hide = true, conflicts_with = "supervise")]
    supervised: bool,
}

/// A unit of systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnitKind {
    /// The daemon.
    Service,
    /// The socket, which exists before the daemon starts.
    Socket,
}

/// Runs the daemon until a signal stops it, or prints its systemd unit.
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
        paths: &dir,
        socket: &socket,
        user: config.user.as_deref().unwrap_or(USER),
        group: config.socket_group.as_deref(),
    };
    device.output.print(&match kind {
        UnitKind::Service => unit.service(),
        UnitKind::Socket => unit.socket(),
    })
}
