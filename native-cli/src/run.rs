//! From the command line to the exit code.

use std::process::ExitCode;

use crate::allocator::limit_arenas;
use crate::cli::{Cli, Command};
use crate::commands::{
    account, addons, autofill, backup, bookmarks, clients, collections, demo, engines,
    extension_storage, forms, history, man, passwords, records, santa, serve, status, sync, tabs,
};
use crate::device::Device;
use crate::interrupt::{Kept, watch};
use crate::output::{Output, left_out};
use selvedge_host::NetworkOptions;
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::private::protect_memory;
use selvedge_host::profile::Profile;

/// Runs the command. Errors are printed on stderr.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let output = Output {
        json: cli.global.json,
        quiet: cli.global.quiet,
    };
    crate::logging::begin(cli.global.verbose, output);
    let done = dispatch(cli, output);
    if let Some(columns) = left_out() {
        output.note(columns);
    }
    match done {
        Ok(()) => Exit::Done.into(),
        Err(error) if error.is_broken_pipe() => Exit::Done.into(),
        Err(error) => {
            output.error(&error);
            error.number().into()
        }
    }
}

fn dispatch(cli: Cli, output: Output) -> Result<()> {
    let network = NetworkOptions {
        ca_file: cli.global.ca.clone(),
        insecure_http: cli.global.insecure_http,
    };
    let santas = || -> Result<Device> {
        let profile = Profile::find(&cli.global.profile, cli.global.data_dir.as_deref())?;
        Ok(Device {
            profile,
            output,
            network: network.clone(),
        })
    };
    // What has the account's keys in memory or in its files.
    let device = || -> Result<Device> {
        protect_memory();
        let device = santas()?;
        device.profile.check_privacy()?;
        Ok(device)
    };
    let kept = Kept::by(&cli.command);
    let watched = || -> Result<tokio::runtime::Runtime> {
        let runtime = beside_the_network()?;
        let context = runtime.enter();
        watch(output, kept);
        drop(context);
        Ok(runtime)
    };
    match cli.command {
        Command::Demo => many_threads()?.block_on(demo::run(output)),
        Command::Account(command) => watched()?.block_on(account::run(&device()?, command)),
        Command::Sync(args) => watched()?.block_on(sync::run(&device()?, args)),
        // It ends between two commits, as its service manager wants it.
        #[cfg(unix)]
        Command::Daemon(args) => {
            beside_the_network()?.block_on(crate::commands::daemon::run(&device()?, args))
        }
        Command::Status => watched()?.block_on(status::run(&device()?)),
        Command::Collections { command } => {
            watched()?.block_on(collections::run(&device()?, command))
        }
        Command::Engines(command) => watched()?.block_on(engines::run(&device()?, command)),
        Command::Clients(command) => watched()?.block_on(clients::run(&device()?, command)),
        Command::Records(command) => watched()?.block_on(records::run(&device()?, command)),
        Command::Bookmarks(command) => watched()?.block_on(bookmarks::run(&device()?, command)),
        Command::Passwords(command) => watched()?.block_on(passwords::run(&device()?, command)),
        Command::History(command) => watched()?.block_on(history::run(&device()?, command)),
        Command::Tabs(command) => watched()?.block_on(tabs::run(&device()?, command)),
        Command::Forms(command) => watched()?.block_on(forms::run(&device()?, command)),
        Command::Addresses(command) => {
            watched()?.block_on(autofill::addresses(&device()?, command))
        }
        Command::Cards(command) => watched()?.block_on(autofill::cards(&device()?, command)),
        Command::Addons(command) => watched()?.block_on(addons::addons(&device()?, command)),
        Command::Prefs(command) => watched()?.block_on(addons::prefs(&device()?, command)),
        Command::ExtensionStorage(command) => {
            watched()?.block_on(extension_storage::run(&device()?, command))
        }
        Command::Backup(command) => watched()?.block_on(backup::run(&device()?, *command)),
        Command::Serve(args) => {
            if args.is_server() {
                limit_arenas();
            }
            protect_memory();
            many_threads()?.block_on(serve::run(output, *args))
        }
        Command::Santa(command) => santa::run(&santas()?, *command),
        Command::Completions { shell } => man::completions(shell),
        Command::Man { dir } => man::man(dir.as_deref()),
    }
}

/// A client does one thing at a time, and a second thread reads from the network meanwhile.
pub(crate) fn beside_the_network() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(no_runtime)
}

pub(crate) fn many_threads() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(no_runtime)
}

fn no_runtime(error: std::io::Error) -> HostError {
    HostError::Failed(format!(
        "the system cannot create threads or sockets: {error}"
    ))
}
