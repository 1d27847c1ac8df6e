//! Frames of the FCM stream. A frame is its length in bytes as a decimal number, a line feed, and JSON.

use serde_json::Value;

/// Maximum length of a frame in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Maximum number of digits of the length.
const MAX_DIGITS: usize = 8;

/// The stream has an invalid or too long frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidFrame;

/// Splits the stream into frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Adds a chunk of the stream.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next complete frame.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, InvalidFrame> {
        let head = self.bytes.iter().take(MAX_DIGITS + 1);
        let Some(digits) = head.clone().position(|byte| *byte == b'\n') else {
            return if self.bytes.len() > MAX_DIGITS {
                Err(InvalidFrame)
            } else {
                Ok(None)
            };
        };
        let length = self.bytes.get(..digits).unwrap_or_default();
        let length: usize = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|length| *length <= MAX_BYTES)
            .ok_or(InvalidFrame)?;
        let end = digits + 1 + length;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let rest = self.bytes.split_off(end);
        let mut frame = std::mem::replace(&mut self.bytes, rest);
        frame.drain(..=digits);
        Ok(Some(frame))
    }
}

/// The content of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// A message, and the id for its acknowledgement.
    Message { json: Vec<u8>, id: Option<String> },
    /// The server requests the client to close this connection.
    Draining,
    /// A keep-alive, or unknown content.
    Ignored,
}

/// Parses a frame. The message is at `[0][last][0]`.
pub(super) fn parse(frame: &[u8]) -> Frame {
    let Ok(whole) = serde_json::from_slice::<Value>(frame) else {
        return Frame::Ignored;
    };
    let parts = whole.get(0).and_then(Value::as_array);
    let message = parts.and_then(|parts| parts.last()?.get(0)?.as_object());
    let Some(message) = message else {
        return Frame::Ignored;
    };
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    match (text("message_type"), text("control_type")) {
        (Some("control"), Some("CONNECTION_DRAINING")) => Frame::Draining,
        (Some("control"), _) => Frame::Ignored,
        _ if message.is_empty() || message.contains_key("noOp") => Frame::Ignored,
        _ => Frame::Message {
            id: text("message_id").map(str::to_owned),
            json: serde_json::to_vec(message).unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(frames: &mut Frames) -> Result<Vec<Vec<u8>>, InvalidFrame> {
        let mut seen = Vec::new();
        while let Some(frame) = frames.next()? {
            seen.push(frame);
        }
        Ok(seen)
    }

    #[test]
    fn frames_do_not_depend_on_the_chunks() {
        let stream = b"2\n[]0\n5\n\"\n\n\"\n3\n\xc3\xbcx";
        let expected: [&[u8]; 4] = [b"[]", b"", b"\"\n\n\"\n", b"\xc3\xbcx"];
        for size in 1..=stream.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(size) {
                frames.push(piece);
                seen.extend(all(&mut frames).unwrap());
            }
            assert_eq!(seen, expected, "in chunks of {size}");
            assert!(frames.bytes.is_empty());
        }
    }

    #[test]
    fn invalid_frames_are_rejected_by_their_header() {
        for stream in [
            "x\n",
            "-1\n",
            "\n",
            "1048577\n",
            "123456789",
            "<!DOCTYPE html>",
        ] {
            let mut frames = Frames::default();
            frames.push(stream.as_bytes());
            assert_eq!(all(&mut frames), Err(InvalidFrame), "{stream}");
        }
    }

    #[test]
    fn each_kind_of_frame_is_parsed() {
        let message = json!({"message_id": "m1", "data": {"blob": "{}"}});
        let rows = [
            (
                json!([[1, [message.clone()]]]),
                Frame::Message {
                    json: message.to_string().into_bytes(),
                    id: Some("m1".into()),
                },
            ),
            (json!([[{"data": {}}], ["later"]]), Frame::Ignored),
            (
                json!([[[{"data": {}}]]]),
                Frame::Message {
                    json: br#"{"data":{}}"#.to_vec(),
                    id: None,
                },
            ),
            (
                json!([[[{"message_type": "control", "control_type": "CONNECTION_DRAINING"}]]]),
                Frame::Draining,
            ),
            (json!([[[{"message_type": "control"}]]]), Frame::Ignored),
            (json!([[1, [{"noOp": {}}]]]), Frame::Ignored),
            (json!([[1, [{}]]]), Frame::Ignored),
            (json!([[1, ["noop"]]]), Frame::Ignored),
            (json!([[]]), Frame::Ignored),
            (json!([]), Frame::Ignored),
            (json!({"data": {}}), Frame::Ignored),
        ];
        for (frame, expected) in rows {
            assert_eq!(parse(frame.to_string().as_bytes()), expected, "{frame}");
        }
        assert_eq!(parse(b"not JSON"), Frame::Ignored);
    }
}
