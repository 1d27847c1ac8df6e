//! Generated documentation of the program: completions and manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _};

use crate::cli::Cli;
use selvedge_host::exit::{HostError, Result};

/// Prints the completions of a shell.
///
/// # Errors
/// When writing to stdout fails.
pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "selvedge", &mut text);
    print(&text)
}

/// Prints the manual page, or writes those of all commands into a directory.
///
/// # Errors
/// When writing to stdout or to the directory fails.
pub fn man(dir: Option<&Path>) -> Result<()> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = dir else {
        return print(&page(command)?);
    };
    fs::create_dir_all(dir).map_err(HostError::file(dir))?;
    write_pages(&command, "selvedge", dir)
}

fn write_pages(command: &Command, name: &str, dir: &Path) -> Result<()> {
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page(command.clone().display_name(name.to_owned()))?)
        .map_err(HostError::file(&path))?;
    for command in command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        write_pages(command, &format!("{name}-{}", command.get_name()), dir)?;
    }
    Ok(())
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(HostError::Output)?;
    Ok(text)
}

fn print(text: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text)
        .and_then(|()| stdout.flush())
        .map_err(HostError::Output)
}
