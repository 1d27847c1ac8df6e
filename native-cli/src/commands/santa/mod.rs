//! `selvedge santa`: Santa's sync.

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

/// Does what was asked.
///
/// # Errors
/// What went wrong, and what to do about it.
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
        // It gives its privileges up before it has threads.
        #[cfg(target_os = "linux")]
        SantaCommand::Daemon(args) => daemon::run(device, args),
        SantaCommand::Simulate(args) => {
            many_threads()?.block_on(simulate::run(device.output, *args))
        }
        SantaCommand::Serve(args) => many_threads()?.block_on(serve::run(device.output, *args)),
    }
}

/// Where this machine's state is.
fn paths(device: &Device) -> Paths {
    Paths::of(&device.profile)
}

/// The configuration; its warnings go to stderr.
fn config(device: &Device, file: &ConfigFile) -> Result<Config> {
    let config = Config::load(&paths(device), file.config.as_deref())?;
    for warning in &config.warnings {
        device
            .output
            .note(format_args!("{}: {warning}", config.path.display()));
    }
    Ok(config)
}

/// The store, which is created if it is missing.
fn store(device: &Device) -> Result<SantaStore> {
    let paths = paths(device);
    paths.make_dir()?;
    Ok(SantaStore::open(&paths.store_path())?)
}

/// The store, if there is one.
fn store_if_there(device: &Device) -> Result<Option<SantaStore>> {
    let path = paths(device).store_path();
    match path.exists() {
        true => Ok(Some(SantaStore::open(&path)?)),
        false => Ok(None),
    }
}
