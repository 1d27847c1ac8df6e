//! `selvedge santa`: the commands of Santa's sync.

mod config_keys;
#[cfg(target_os = "linux")]
pub mod daemon;
#[cfg(target_os = "linux")]
mod demo;
mod doctor;
mod events;
pub mod grammar;
mod rules;
pub mod serve;
pub mod simulate;
mod status;
mod sync;

use crate::commands::santa::grammar::{ConfigCommand, ConfigFile, SantaCommand};
use crate::device::Device;
use crate::run::{beside_the_network, many_threads};
use selvedge_host::exit::Result;
use selvedge_santa_host::{Config, Paths, SantaStore};

/// Runs a command.
///
/// # Errors
/// The error of the command.
pub fn run(device: &Device, command: SantaCommand) -> Result<()> {
    match command {
        #[cfg(target_os = "linux")]
        SantaCommand::Demo => many_threads()?.block_on(demo::run(device.output)),
        SantaCommand::Sync(args) => beside_the_network()?.block_on(sync::run(device, &args)),
        SantaCommand::Status(file) => beside_the_network()?.block_on(status::run(device, &file)),
        SantaCommand::Doctor(args) => beside_the_network()?.block_on(doctor::run(device, &args)),
        SantaCommand::Config(ConfigCommand::Keys) => config_keys::run(device.output),
        SantaCommand::Rules(command) => beside_the_network()?.block_on(rules::run(device, command)),
        SantaCommand::Events(command) => {
            beside_the_network()?.block_on(events::run(device, command))
        }
        // It drops its privileges before it starts threads.
        #[cfg(target_os = "linux")]
        SantaCommand::Daemon(args) => daemon::run(device, args),
        SantaCommand::Simulate(args) => {
            many_threads()?.block_on(simulate::run(device.output, *args))
        }
        SantaCommand::Serve(args) => many_threads()?.block_on(serve::run(device.output, *args)),
    }
}

/// The paths of this machine's state.
fn paths(device: &Device) -> Paths {
    Paths::of(&device.profile)
}

/// Reads the configuration. Warnings are printed to stderr.
fn config(device: &Device, file: &ConfigFile) -> Result<Config> {
    let config = Config::load(&paths(device), file.config.as_deref())?;
    for warning in &config.warnings {
        device
            .output
            .note(format_args!("{}: {warning}", config.path.display()));
    }
    Ok(config)
}

/// Opens the store, and creates it if it does not exist.
fn store(device: &Device) -> Result<SantaStore> {
    let paths = paths(device);
    paths.make_dir()?;
    Ok(SantaStore::open(&paths.store_path())?)
}

/// Opens the store if it exists.
fn store_if_there(device: &Device) -> Result<Option<SantaStore>> {
    let path = paths(device).store_path();
    if path.exists() {
        Ok(Some(SantaStore::open(&path)?))
    } else {
        Ok(None)
    }
}
