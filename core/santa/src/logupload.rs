//! Stage 2: uploads logs, which servers of 2018 requested (spec §6).
//!
//! ```text
//! the operator has not allowed it ──────────→ nothing
//! the server requests no logs, or no URL ────→ nothing
//! another host, and that is not allowed ─────→ nothing, and a warning
//! no file exists ────────────────────────────→ nothing
//! else ──────────────────────────────────────→ one request with all files; a failure does not stop the sync
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::address::{Address, Endpoint};
use super::client::Outgoing;
use super::encoding::gzip;
use super::error::Result;
use super::logs::LogFile;
use super::session::{Host, Session};
use super::wire::PreflightResponse;

/// The multipart boundary; it occurs in a gzip stream only with a probability of one in 2^200.
const BOUNDARY: &str = "----santa-sync-upload-boundary";

/// Where logs go.
///
/// ```
/// use selvedge_santa::{Address, LogDecision};
///
/// let address = Address::new("https://sync.example.net", "M")?;
/// assert_eq!(LogDecision::decide(&address, Some("https://evil.example/"), Some(false)), LogDecision::Elsewhere);
/// # Ok::<(), selvedge_santa::BadAddress>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogDecision {
    /// Nothing: they are not requested, or not allowed.
    Nothing,
    /// Nothing: they are requested for another host, and that is not allowed.
    Elsewhere,
    /// Send them to this URL.
    Send(String),
}

impl LogDecision {
    /// Decides by the URL in the server's response and by the operator's settings: `any_host` is `None` if logs are not
    /// allowed, otherwise whether any host may receive them.
    #[must_use]
    pub fn decide(address: &Address, url: Option<&str>, any_host: Option<bool>) -> Self {
        let (Some(url), Some(any_host)) = (url, any_host) else {
            return Self::Nothing;
        };
        let base = url.split(['?', '#']).next().unwrap_or_default();
        match Address::new(base, "M") {
            Err(_) => Self::Nothing,
            Ok(_) if any_host || address.is_same_host(url) => Self::Send(url.into()),
            Ok(_) => Self::Elsewhere,
        }
    }
}

/// The result of the log upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    Refused,
    Files,
}

/// The body: one part per file, each compressed separately.
fn body(files: &[LogFile]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        let name: String = file
            .name
            .chars()
            .filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '/'))
            .collect();
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}.gz\"\r\n\
             Content-Type: application/x-gzip\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(gzip(&file.content));
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

/// The files that fit within `max_bytes`, in their order.
fn fitting(files: Vec<LogFile>, max_bytes: usize) -> Vec<LogFile> {
    let mut bytes_left = max_bytes;
    let mut kept = Vec::new();
    for file in files {
        if let Some(left) = bytes_left.checked_sub(file.content.len()) {
            bytes_left = left;
            kept.push(file);
        }
    }
    kept
}

/// Sends the logs, if they are requested and allowed.
pub(super) async fn step<H: Host>(
    session: &Session<'_, H>,
    response: &PreflightResponse,
) -> Result<Sent> {
    let options = session.options;
    let url = response.upload_logs_url.as_deref();
    let any_host = options.logs.map(|logs| logs.any_host);
    let course = LogDecision::decide(&options.connection.address, url, any_host);
    let (url, logs) = match (course, options.logs) {
        (LogDecision::Send(url), Some(logs)) => (url, logs),
        (LogDecision::Elsewhere, _) => return Ok(Sent::Refused),
        _ => return Ok(Sent::Nothing),
    };
    let files = fitting((logs.files)(), logs.max_bytes);
    if files.is_empty() {
        return Ok(Sent::Nothing);
    }
    let content_type = format!("multipart/form-data; charset=UTF-8; boundary={BOUNDARY}");
    let outgoing = Outgoing {
        url,
        content_type: &content_type,
        content_encoding: None,
        body: body(&files),
    };
    let stage = session.client.stage(Endpoint::LogUpload);
    stage.exchange(outgoing).await?;
    Ok(Sent::Files)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        let address = Address::new("https://sync.example.net/v1", "M").unwrap();
        let here = "https://sync.example.net/logs?m=1";
        let there = "https://logs.example.net/";
        let rows = [
            ("not requested", None, Some(true), LogDecision::Nothing),
            ("not allowed", Some(here), None, LogDecision::Nothing),
            ("no URL", Some("/aaa"), Some(true), LogDecision::Nothing),
            (
                "insecure",
                Some("http://sync.example.net/"),
                Some(true),
                LogDecision::Nothing,
            ),
            (
                "the same host",
                Some(here),
                Some(false),
                LogDecision::Send(here.into()),
            ),
            (
                "another host",
                Some(there),
                Some(false),
                LogDecision::Elsewhere,
            ),
            (
                "another host, allowed",
                Some(there),
                Some(true),
                LogDecision::Send(there.into()),
            ),
        ];
        for (name, url, allowed, expected) in rows {
            assert_eq!(
                LogDecision::decide(&address, url, allowed),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn files_that_do_not_fit_are_omitted_and_names_are_quoted() {
        let file = |name: &str, bytes: usize| LogFile {
            name: name.into(),
            content: alloc::vec![b'a'; bytes],
        };
        let kept = fitting([file("a", 6), file("b", 6), file("c", 4)].into(), 10);
        let names: Vec<&str> = kept.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        let body = body(&[file("x\"\r\ny/z", 1)]);
        let text = String::from_utf8_lossy(&body);
        assert!(text.starts_with(
            "------santa-sync-upload-boundary\r\nContent-Disposition: form-data; name=\"files\"; filename=\"xyz.gz\"\r\n"
        ));
        assert!(text.ends_with("\r\n------santa-sync-upload-boundary--\r\n"));
    }
}
