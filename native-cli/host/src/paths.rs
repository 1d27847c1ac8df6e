//! Paths as they are shown to people and written into other programs' files, also those whose bytes are no UTF-8.

use std::fmt::Write as _;
use std::path::Path;

/// A path as text: what is UTF-8 as it is, other bytes as `\xff`, so that two paths never look the same.
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(selvedge_host::paths::shown(Path::new("/srv/ä")), "/srv/ä");
/// ```
#[must_use]
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A path as a shell reads it: in single quotes, or, where its bytes are no UTF-8 or command the terminal, in `$'…'`.
pub fn shell_quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(char::is_control)
    {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let escaped: String = bytes
        .iter()
        .map(|byte| match byte {
            b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
            b' '..=b'~' => char::from(*byte).to_string(),
            byte => format!("\\x{byte:02x}"),
        })
        .collect();
    format!("$'{escaped}'")
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn shells_read_the_same_path() {
        for bytes in [
            &b"/a b/c"[..],
            b"/it's",
            b"/d\xff\\'x",
            b"/a\nb\t$HOME",
            "/\u{e4}`x`".as_bytes(),
        ] {
            let quoted = shell_quoted(Path::new(OsStr::from_bytes(bytes)));
            let echoed = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {quoted}")])
                .output()
                .unwrap();
            assert_eq!(echoed.stdout, bytes, "{quoted}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_shown_as_numbers() {
        for (bytes, expected) in [
            (&b"/a b/c"[..], "/a b/c"),
            (b"/d\xff", "/d\\xff"),
            (b"/\xc3\xa4\xc3/x", "/ä\\xc3/x"),
            (b"\xfe\xff", "\\xfe\\xff"),
        ] {
            assert_eq!(shown(Path::new(OsStr::from_bytes(bytes))), expected);
        }
    }
}
