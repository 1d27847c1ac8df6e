//! `selvedge santa daemon`.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::grammar::ConfigFile;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::config::settings;
use selvedge_santa_host::daemon::{Start, Unit};

/// Who the daemon is in a unit, where the configuration names nobody.
const USER: &str = "selvedge";

/// How the daemon runs.
#[derive(Debug, Args)]
#[command(
    long_about = "Sync by schedule, and serve agents and people on a socket, until stopped.\n\nStarted by root, it makes its socket and then becomes the user whom santa.toml names. SIGHUP has it read santa.toml again, which it also does when the file changes.",
    after_help = "Example:\n  selvedge santa daemon --print-unit",
    after_long_help = settings::help("selvedge santa daemon --print-unit")
)]
pub struct DaemonArgs {
    /// Which configuration.
    #[command(flatten)]
    config: ConfigFile,
    /// Print a systemd unit, the service or its socket, and do nothing else.
    #[arg(long, value_name = "UNIT", num_args = 0..=1, default_missing_value = "service")]
    print_unit: Option<UnitKind>,
    /// Start the daemon again when it dies or hangs, where there is no systemd to do it.
    #[arg(long)]
    supervise: bool,
    /// Be the daemon that is started again.
    #[arg(long, hide = true, conflicts_with = "supervise")]
    supervised: bool,
}

/// A unit of systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnitKind {
    /// The daemon.
    Service,
    /// Its socket, which then is there before the daemon is.
    Socket,
}

/// Serves this machine until it is told to stop, or prints the unit that does so.
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
