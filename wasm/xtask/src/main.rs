//! `cargo xtask`: builds and tests the npm package, and generates the message types of Santa's sync. It needs cargo, Node and
//! npm; it installs everything else.

mod browsers;
mod build;
mod error;
mod node;
mod pack;
mod santa_messages;
mod size_by_crate;
mod test;
mod workspace;
mod www;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use error::Error;
use workspace::Workspace;

const HELP: &str = "cargo xtask COMMAND

  pack      builds the npm package in wasm/pkg, copies it to the page and the extension in www, and prints the size of the
            module and of its largest crates
  test      runs the WebAssembly tests in Node, then builds and tests the package
            (cargo xtask test FILTER runs only the WebAssembly tests whose names contain FILTER;
            SELVEDGE=PROGRAM uses this program selvedge instead of building it)
  browsers  builds the package, and runs in real browsers, headless: the WebAssembly tests, the extension and the page
            (cargo xtask browsers NAME runs only tests/browser/NAME.test.mjs)
  messages  generates the Rust message types of Santa's sync from their schema in core/santa/proto";

/// Internal: cargo runs the test binaries with this command.
const RUN_TESTS: &str = "run-wasm-tests";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let text: Vec<&str> = arguments
        .iter()
        .map(|argument| argument.to_str().unwrap_or_default())
        .collect();
    let result = match text.as_slice() {
        ["pack"] => Workspace::find().and_then(|workspace| pack::pack(&workspace)),
        ["test"] => Workspace::find().and_then(|workspace| test::all(&workspace)),
        ["test", filter] => {
            Workspace::find().and_then(|workspace| test::in_node(&workspace, Some(filter)))
        }
        ["browsers"] => Workspace::find().and_then(|workspace| browsers::all(&workspace, None)),
        ["browsers", name] => {
            Workspace::find().and_then(|workspace| browsers::all(&workspace, Some(name)))
        }
        ["messages"] => {
            Workspace::find().and_then(|workspace| santa_messages::write_all(&workspace))
        }
        [RUN_TESTS, ..] => run_tests(&arguments),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one test binary in Node, as the tool `wasm-bindgen-test-runner` does; the first argument is the command's name.
fn run_tests(arguments: &[OsString]) -> Result<(), Error> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(arguments)
        .map_err(|error| Error::Tests(error.to_string()))
}
