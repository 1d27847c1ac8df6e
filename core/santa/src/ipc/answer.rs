//! Converts results, errors and notifications to lines, and back.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::call::{Id, Refusal};
use super::fault::Fault;
use super::lines::line;

/// A progress notification during a call.
///
/// ```
/// use selvedge_santa::ipc::Progress;
///
/// assert_ne!(Progress::Started, Progress::Log { level: "info".into(), text: "preflight".into() });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The sync has started (status 9).
    Started,
    /// A message for people.
    Log {
        /// `error`, `warn`, `info` or `debug`.
        level: String,
        /// One line.
        text: String,
    },
}

/// A received response.
///
/// ```
/// use selvedge_santa::ipc::{Answer, Fault, answer_line, read_answer};
///
/// let line = answer_line(&1.into(), &Err(Fault::Busy));
/// assert_eq!(read_answer(&line), Some(Answer::Refused { id: 1.into(), fault: Some(Fault::Busy) }));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A call's result.
    Result {
        /// The id of the call.
        id: Id,
        /// The result.
        result: Value,
    },
    /// A call failed.
    Refused {
        /// The id of the call; missing if the line could not be parsed.
        id: Id,
        /// The reason; `None` for a number that this version does not know.
        fault: Option<Fault>,
    },
    /// A notification.
    Progress(Progress),
}

/// The line of a call's response, including its end.
#[must_use]
pub fn answer_line(id: &Id, answer: &Result<Value, Fault>) -> Vec<u8> {
    line(&match answer {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(fault) => {
            let error = json!({"code": fault.code(), "message": fault.to_string()});
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        }
    })
}

/// The line that rejects a call, including its end.
///
/// ```
/// use selvedge_santa::ipc::{Caller, read_call, refusal_line};
///
/// let line = br#"{"jsonrpc":"2.0","id":1,"method":"events.post","params":{"events":[{}]}}"#;
/// let refusal = read_call(line, Caller::Agent).unwrap_err();
/// let line = String::from_utf8(refusal_line(&refusal)).unwrap();
/// assert!(line.contains("event 1: file_sha256 must be 64 hexadecimal digits"), "{line}");
/// ```
#[must_use]
pub fn refusal_line(refusal: &Refusal) -> Vec<u8> {
    let message = match &refusal.reason {
        Some(reason) => alloc::format!("{}: {reason}", refusal.fault),
        None => refusal.fault.to_string(),
    };
    let error = json!({"code": refusal.fault.code(), "message": message});
    line(&json!({"jsonrpc": "2.0", "id": refusal.id, "error": error}))
}

/// The line of a notification, including its end.
///
/// ```
/// use selvedge_santa::ipc::{Answer, Progress, progress_line, read_answer};
///
/// let line = progress_line(&Progress::Started);
/// assert_eq!(read_answer(&line), Some(Answer::Progress(Progress::Started)));
/// ```
#[must_use]
pub fn progress_line(progress: &Progress) -> Vec<u8> {
    let (method, params) = match progress {
        Progress::Started => ("started", json!({"status": 9})),
        Progress::Log { level, text } => ("log", json!({"level": level, "text": text})),
    };
    line(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// Parses a line that the daemon sent; `None` if it has another form.
#[must_use]
pub fn read_answer(line: &[u8]) -> Option<Answer> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let id = match value.get("id") {
        Some(Value::Number(number)) => Id::Number(number.clone()),
        Some(Value::String(text)) => Id::Text(text.clone()),
        _ => Id::None,
    };
    if let Some(result) = value.get("result") {
        let result = result.clone();
        return Some(Answer::Result { id, result });
    }
    if let Some(error) = value.get("error") {
        let fault = Fault::from_code(error.get("code")?.as_i64()?);
        return Some(Answer::Refused { id, fault });
    }
    let text = |name: &str| Some(value.get("params")?.get(name)?.as_str()?.to_string());
    let progress = match value.get("method")?.as_str()? {
        "started" => Progress::Started,
        "log" => Progress::Log {
            level: text("level")?,
            text: text("text")?,
        },
        _ => return None,
    };
    Some(Answer::Progress(progress))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_response_arrives_unchanged() {
        let result = json!({"status": 0, "text": "two\nlines"});
        let line = answer_line(&1.into(), &Ok(result.clone()));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let id = Id::from(1);
        assert_eq!(read_answer(&line), Some(Answer::Result { id, result }));
        for fault in Fault::ALL {
            let line = answer_line(&Id::None, &Err(fault));
            let (id, fault) = (Id::None, Some(fault));
            assert_eq!(read_answer(&line), Some(Answer::Refused { id, fault }));
        }
        let log = Progress::Log {
            level: "info".into(),
            text: "a\u{2028}b".into(),
        };
        let line = progress_line(&log);
        assert_eq!(read_answer(&line), Some(Answer::Progress(log)));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(bytes in any::<Vec<u8>>(), text in ".{0,80}") {
            let _any = (read_answer(&bytes), read_answer(text.as_bytes()));
        }
    }
}
