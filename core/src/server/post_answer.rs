//! Responses to a POST, and their meaning for the upload (spec §3.6).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;

use crate::json::{self, Malformed, Value};
use crate::sorted::{Map, Set};

/// Maximum length of a reason, in characters.
const MAX_REASON_CHARS: usize = 200;

/// The body of a response to a POST.
pub(crate) struct PostAnswer {
    batch: Option<String>,
    success: Set<String>,
    failed: Map<String, String>,
}

/// The result for one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Written, or in the batch.
    Success,
    /// It did not fit into this POST: send it again in another one.
    Retry(String),
    /// Rejected, with the server's reason.
    Failed(String),
    /// The response does not mention it.
    Unlisted,
}

impl PostAnswer {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            batch: Option<Value>,
            #[serde(default)]
            success: Set<String>,
            #[serde(default)]
            failed: Map<String, Value>,
        }
        let wire: Wire = json::from_slice(body)?;
        Ok(Self {
            batch: wire.batch.map(text),
            success: wire.success,
            failed: wire
                .failed
                .into_iter()
                .map(|(id, reason)| (id, text(reason)))
                .collect(),
        })
    }

    pub(crate) fn disposition(&self, id: &str) -> Disposition {
        match self.failed.get(id) {
            Some(reason) if reason.contains("retry bso") || reason.contains("retry bytes") => {
                Disposition::Retry(reason.clone())
            }
            Some(reason) => Disposition::Failed(reason.clone()),
            None if self.success.contains(id) => Disposition::Success,
            None => Disposition::Unlisted,
        }
    }
}

/// Converts a string, a list of strings, or any other value to one text.
fn text(value: Value) -> String {
    let texts = |values: &[Value]| -> Option<Vec<String>> {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        values.iter().map(text).collect()
    };
    let text = match value {
        Value::Text(text) => text,
        value => match value.as_array().and_then(texts) {
            Some(list) => list.join(", "),
            None => value.to_string(),
        },
    };
    match text.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_string(),
        None => text,
    }
}

/// How a server processes POSTs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Unknown before the first response.
    Unknown,
    /// In batches; with the token of the open batch.
    Batches(Option<String>),
    /// Without batches: each POST is final.
    Plain,
}

/// The meaning of the response to a POST for the upload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PostOutcome {
    /// It is in the batch and not visible yet.
    Held,
    /// The whole batch is visible.
    Committed,
}

/// Interprets the response to a POST that was sent in `mode`: returns the new mode and the result of the POST.
pub(crate) fn judge(
    mode: &Mode,
    commit: bool,
    status: u16,
    answer: &PostAnswer,
) -> Result<(Mode, PostOutcome), &'static str> {
    const ANOTHER: &str = "it contains another batch id than the open batch has";
    const LOST: &str = "it ends a batch that should stay open";
    match (mode, status, &answer.batch) {
        (Mode::Plain, 200, _) => Ok((Mode::Plain, PostOutcome::Committed)),
        (Mode::Plain, ..) => Err("it is not a response to a POST"),
        (Mode::Unknown, 200, _) if commit => Ok((Mode::Unknown, PostOutcome::Committed)),
        (Mode::Batches(_), 200, _) if commit => Ok((Mode::Batches(None), PostOutcome::Committed)),
        _ if commit => Err("it does not confirm that the batch was committed"),
        (Mode::Unknown, 200, None) => Ok((Mode::Plain, PostOutcome::Committed)),
        (Mode::Unknown | Mode::Batches(None), 202, Some(token)) if !token.is_empty() => {
            Ok((Mode::Batches(Some(token.clone())), PostOutcome::Held))
        }
        (Mode::Unknown | Mode::Batches(None), 202, _) => Err("it opens a batch without an id"),
        (Mode::Batches(Some(open)), 202, returned) => {
            if returned.as_ref().is_none_or(|returned| returned == open) {
                Ok((mode.clone(), PostOutcome::Held))
            } else {
                Err(ANOTHER)
            }
        }
        _ => Err(LOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn answer(body: &str) -> PostAnswer {
        PostAnswer::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn each_record_has_one_result() {
        let answer = answer(
            r#"{"success":["a","e"],"failed":{"b":"invalid ttl","c":["x","retry bso"],"d":"retry bytes","e":null},"x":1}"#,
        );
        let rows = [
            ("a", Disposition::Success),
            ("b", Disposition::Failed("invalid ttl".into())),
            ("c", Disposition::Retry("x, retry bso".into())),
            ("d", Disposition::Retry("retry bytes".into())),
            ("e", Disposition::Failed("null".into())),
            ("f", Disposition::Unlisted),
        ];
        for (id, disposition) in rows {
            assert_eq!(answer.disposition(id), disposition, "{id}");
        }
    }

    #[test]
    fn empty_lists_and_maps_have_several_forms() {
        for body in [
            r#"{"success":["a"],"failed":[]}"#,
            r#"{"success":["a"],"failed":null}"#,
            r#"{"success":["a"],"failed":{}}"#,
            r#"{"success":["a"]}"#,
        ] {
            let answer = answer(body);
            assert_eq!(answer.disposition("a"), Disposition::Success, "{body}");
            assert_eq!(answer.disposition("b"), Disposition::Unlisted, "{body}");
        }
        let none = answer(r#"{"success":null,"failed":{"a":"x"}}"#);
        assert_eq!(none.disposition("a"), Disposition::Failed("x".into()));
        assert!(PostAnswer::parse(br#"{"success":[],"failed":["a"]}"#).is_err());
    }

    #[test]
    fn reasons_have_a_maximum_length() {
        let long = alloc::format!(r#"{{"failed":{{"a":"{}"}}}}"#, "é".repeat(1000));
        assert_eq!(
            answer(&long).disposition("a"),
            Disposition::Failed("é".repeat(MAX_REASON_CHARS))
        );
    }

    #[test]
    fn the_first_response_determines_batch_support_and_later_ones_must_agree() {
        let open = || Mode::Batches(Some("7".into()));
        let idle = || Mode::Batches(None);
        let named = r#"{"batch":"7"}"#;
        let rows = [
            (
                Mode::Unknown,
                false,
                202,
                named,
                Some((open(), PostOutcome::Held)),
            ),
            (
                Mode::Unknown,
                false,
                202,
                r#"{"batch":7}"#,
                Some((open(), PostOutcome::Held)),
            ),
            (Mode::Unknown, false, 202, "{}", None),
            (Mode::Unknown, false, 202, r#"{"batch":""}"#, None),
            (
                Mode::Unknown,
                false,
                200,
                "{}",
                Some((Mode::Plain, PostOutcome::Committed)),
            ),
            (Mode::Unknown, false, 200, named, None),
            (
                Mode::Unknown,
                true,
                200,
                "{}",
                Some((Mode::Unknown, PostOutcome::Committed)),
            ),
            (Mode::Unknown, true, 202, named, None),
            (idle(), false, 202, named, Some((open(), PostOutcome::Held))),
            (idle(), false, 200, "{}", None),
            (
                idle(),
                true,
                200,
                "{}",
                Some((idle(), PostOutcome::Committed)),
            ),
            (open(), false, 202, named, Some((open(), PostOutcome::Held))),
            (open(), false, 202, "{}", Some((open(), PostOutcome::Held))),
            (open(), false, 202, r#"{"batch":"8"}"#, None),
            (open(), false, 200, "{}", None),
            (
                open(),
                true,
                200,
                "{}",
                Some((idle(), PostOutcome::Committed)),
            ),
            (open(), true, 202, named, None),
            (
                Mode::Plain,
                false,
                200,
                "{}",
                Some((Mode::Plain, PostOutcome::Committed)),
            ),
            (
                Mode::Plain,
                true,
                200,
                "{}",
                Some((Mode::Plain, PostOutcome::Committed)),
            ),
            (Mode::Plain, false, 202, named, None),
        ];
        for (mode, commit, status, body, expected) in rows {
            let judged = judge(&mode, commit, status, &answer(body)).ok();
            assert_eq!(judged, expected, "{mode:?} {commit} {status} {body}");
        }
    }
}
