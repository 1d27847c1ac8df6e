//! The program `selvedge`.

use std::process::ExitCode;

use clap::Parser as _;
use selvedge_cli::cli::Cli;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => selvedge_cli::run(cli),
        Err(error) => selvedge_cli::usage::refuse(&error, std::env::args_os()),
    }
}
