//! The program `selvedge`.

use std::process::ExitCode;

use clap::Parser as _;
use selvedge_cli::cli::Cli;

fn main() -> ExitCode {
    selvedge_cli::run(Cli::parse())
}
