//! An invalid command line: reported as clap does, or as JSON with `--json`.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;

use selvedge_host::exit::Exit;

/// Says what is wrong with a command line, or prints the help or the version that it asks for, and gives the exit code.
#[must_use]
pub fn refuse(error: &clap::Error, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let is_asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_asked_for || !wants_json(args) {
        // If the output is closed, the message cannot be shown.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8));
    }
    let problem = serde_json::json!({ "error": {
        "code": "usage",
        "message": message(error),
        "exit": Exit::Usage as u8,
    }});
    let _ = writeln!(std::io::stderr(), "{problem}");
    Exit::Usage.into()
}

/// Whether `--json` is among the options; after `--` it is an argument.
fn wants_json(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter()
        .skip(1)
        .take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
}

/// clap's error in one line, without the usage that it repeats below.
fn message(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a subcommand is missing: --help lists them".into();
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let said = text
        .split("\n\n")
        .take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more"));
    let parts: Vec<String> = said
        .map(|part| {
            let lines: Vec<&str> = part.lines().map(str::trim).collect();
            lines.join(" ")
        })
        .collect();
    parts.join("; ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn error(line: &str) -> clap::Error {
        Cli::try_parse_from(line.split(' ')).unwrap_err()
    }

    #[test]
    fn errors_are_one_line_that_names_what_is_wrong() {
        for (line, words) in [
            ("selvedge sync --nothing", "'--nothing'"),
            ("selvedge records get notes", "<ID>"),
            ("selvedge records list notes --format xml", "'xml'"),
            ("selvedge nothing", "'nothing'"),
            ("selvedge records", "subcommand"),
            ("selvedge daemon --every 7", "7"),
        ] {
            let message = message(&error(line));
            assert!(message.contains(words), "{line}: {message}");
            assert!(!message.contains('\n'), "{line}: {message}");
            assert!(!message.contains("Usage:"), "{line}: {message}");
            assert!(!message.starts_with("error"), "{line}: {message}");
        }
    }

    #[test]
    fn json_is_asked_for_by_an_option_alone() {
        let asks = |line: &str| wants_json(line.split(' ').map(OsString::from));
        assert!(asks("selvedge --json sync --nothing"));
        assert!(asks("selvedge sync --nothing --json"));
        assert!(!asks("selvedge sync --nothing"));
        assert!(!asks("selvedge records get notes -- --json"));
        assert!(!asks("--json sync"));
    }
}
