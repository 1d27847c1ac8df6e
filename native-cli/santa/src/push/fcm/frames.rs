//! Frames: each is its length in bytes, a line end, and JSON.

use serde_json::Value;

/// No message is longer.
const MAX_BYTES: usize = 1 << 20;

/// The digits of that, and more than any length needs.
const MAX_DIGITS: usize = 8;

/// What comes is no frames, or a frame that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unframed;

/// Cuts what comes in pieces into frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes in a piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// The next frame, when all of it has come.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Unframed> {
        let head = self.bytes.iter().take(MAX_DIGITS + 1);
        let Some(digits) = head.clone().position(|byte| *byte == b'\n') else {
            return match self.bytes.len() > MAX_DIGITS {
                true => Err(Unframed),
                false => Ok(None),
            };
        };
        let length = self.bytes.get(..digits).unwrap_or_default();
        let length: usize = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|length| *length <= MAX_BYTES)
            .ok_or(Unframed)?;
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

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// A message, and the id by which it is acknowledged.
    Message { json: Vec<u8>, id: Option<String> },
    /// The server wants this connection to end.
    Draining,
    /// Nothing: that the connection stands, or what nobody understands.
    Nothing,
}

/// Reads a frame: its message is at `[0][last][0]`.
pub(super) fn read(frame: &[u8]) -> Frame {
    let Ok(whole) = serde_json::from_slice::<Value>(frame) else {
        return Frame::Nothing;
    };
    let parts = whole.get(0).and_then(Value::as_array);
    let message = parts.and_then(|parts| parts.last()?.get(0)?.as_object());
    let Some(message) = message else {
        return Frame::Nothing;
    };
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    match (text("message_type"), text("control_type")) {
        (Some("control"), Some("CONNECTION_DRAINING")) => Frame::Draining,
        (Some("control"), _) => Frame::Nothing,
        _ if message.is_empty() || message.contains_key("noOp") => Frame::Nothing,
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

    fn all(frames: &mut Frames) -> Result<Vec<Vec<u8>>, Unframed> {
        let mut seen = Vec::new();
        while let Some(frame) = frames.next()? {
            seen.push(frame);
        }
        Ok(seen)
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut() {
        let stream = b"2\n[]0\n5\n\"\n\n\"\n3\n\xc3\xbcx";
        let expected: [&[u8]; 4] = [b"[]", b"", b"\"\n\n\"\n", b"\xc3\xbcx"];
        for size in 1..=stream.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(size) {
                frames.push(piece);
                seen.extend(all(&mut frames).unwrap());
            }
            assert_eq!(seen, expected, "in pieces of {size}");
            assert!(frames.bytes.is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_before_it_is_kept() {
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
            assert_eq!(all(&mut frames), Err(Unframed), "{stream}");
        }
    }

    #[test]
    fn every_kind_of_frame() {
        let message = json!({"message_id": "m1", "data": {"blob": "{}"}});
        let rows = [
            (
                json!([[1, [message.clone()]]]),
                Frame::Message {
                    json: message.to_string().into_bytes(),
                    id: Some("m1".into()),
                },
            ),
            (json!([[{"data": {}}], ["later"]]), Frame::Nothing),
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
            (json!([[[{"message_type": "control"}]]]), Frame::Nothing),
            (json!([[1, [{"noOp": {}}]]]), Frame::Nothing),
            (json!([[1, [{}]]]), Frame::Nothing),
            (json!([[1, ["noop"]]]), Frame::Nothing),
            (json!([[]]), Frame::Nothing),
            (json!([]), Frame::Nothing),
            (json!({"data": {}}), Frame::Nothing),
        ];
        for (frame, expected) in rows {
            assert_eq!(read(frame.to_string().as_bytes()), expected, "{frame}");
        }
        assert_eq!(read(b"no JSON"), Frame::Nothing);
    }
}
