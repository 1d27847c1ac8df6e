//! Secrets that people enter: in a file, on stdin, or at the terminal; never on the command line, which other users can
//! see.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use selvedge_host::byte_order_mark::without_mark;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::output::{Output, printable};
use selvedge_host::private::input_warning;

/// Maximum size of a secret, in bytes; secrets are far shorter.
const MAX_BYTES: u64 = 64 << 10;

/// A small secret from a file, or from stdin if the path is `-`. A file that other users can access is reported on
/// stderr.
pub(crate) fn read_secret(output: &Output, path: &Path) -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = if path.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| {
            if let Some(warning) = input_warning(path, &file.metadata()?) {
                output.note(printable(&warning));
            }
            file.take(MAX_BYTES + 1).read_to_end(&mut bytes)
        })
    };
    read.map_err(HostError::file(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(HostError::BadFile {
            path: path.to_owned(),
            detail: format!("the file is too long for a secret: the maximum is {MAX_BYTES} bytes"),
        });
    }
    let text = std::str::from_utf8(without_mark(&bytes)).map_err(|_| HostError::BadFile {
        path: path.to_owned(),
        detail: "the content is not UTF-8 text".into(),
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// One line: from a file, from the next line of stdin, or from a prompt at the terminal. `what` names it in the prompt, and
/// `option` names the file's option in errors.
pub(crate) fn secret(
    output: &Output,
    file: Option<&Path>,
    what: &str,
    option: &str,
) -> Result<Zeroizing<String>> {
    match file {
        Some(file) if file.as_os_str() != "-" => {
            let text = read_secret(output, file)?;
            Ok(Zeroizing::new(without_line_end(&text).to_owned()))
        }
        None if io::stdin().is_terminal() => rpassword::prompt_password(format!("{what}: "))
            .map(Zeroizing::new)
            .map_err(HostError::file(Path::new("the terminal"))),
        _ => {
            let line = line()?;
            let line = without_line_end(&line);
            if line.is_empty() {
                return Err(HostError::Usage(format!(
                    "stdin has no {what}: pass it there as a line, or in a file with {option}"
                )));
            }
            Ok(Zeroizing::new(line.to_owned()))
        }
    }
}

/// One line that is not secret: from a visible prompt at the terminal, or the next line of stdin.
pub(crate) fn visible(output: &Output, what: &str) -> Result<String> {
    if io::stdin().is_terminal() {
        output.note(format_args!("{what}:"));
    }
    let line = line()?;
    let text = line.trim();
    if text.is_empty() {
        return Err(HostError::Usage(format!(
            "stdin has no {what}: pass it there as a line"
        )));
    }
    Ok(text.to_owned())
}

/// The next line of stdin. The remaining input stays there for the next call.
fn line() -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let stdin = Path::new("-");
    io::stdin()
        .lock()
        .take(MAX_BYTES)
        .read_until(b'\n', &mut bytes)
        .map_err(HostError::file(stdin))?;
    let text = std::str::from_utf8(without_mark(&bytes)).map_err(|_| HostError::BadFile {
        path: stdin.to_owned(),
        detail: "the content is not UTF-8 text".into(),
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A line of a file without its ending; spaces may belong to a password.
fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_ending_goes_and_blanks_stay() {
        for (text, expected) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a", "a"),
            (" a \n", " a "),
            ("a\n\n", "a\n"),
            ("", ""),
        ] {
            assert_eq!(without_line_end(text), expected, "{text:?}");
        }
    }
}
