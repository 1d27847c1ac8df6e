//! The decoder with chunks of every size, every kind of damage, and the encoder's output.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The decoder's output: id, time, sortindex and payload; or the id and the fault.
type Seen =
    Result<(String, ServerTime, Option<i32>, Option<String>), (Option<String>, RecordFault)>;

fn take(decoder: &mut Decoder, seen: &mut Vec<Seen>) -> Result<(), StreamError> {
    while let Some(record) = decoder.next_record()? {
        seen.push(match record {
            Ok(envelope) => Ok((
                envelope.id.to_owned(),
                envelope.modified,
                envelope.sortindex,
                envelope.payload.unescaped().map(|text| text.into_owned()),
            )),
            Err(error) => Err((error.id, error.fault)),
        });
    }
    Ok(())
}

/// Decodes a body that arrives in chunks of the given sizes, which are repeated.
fn decode(
    format: Format,
    limit: usize,
    body: &[u8],
    sizes: &[usize],
) -> (Vec<Seen>, Result<(), StreamError>) {
    let mut decoder = Decoder::new(format, limit);
    let mut seen = Vec::new();
    let mut rest = body;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((*sizes.next().unwrap()).clamp(1, rest.len()));
        rest = after;
        decoder.push(chunk);
        if let Err(error) = take(&mut decoder, &mut seen) {
            return (seen, Err(error));
        }
    }
    assert_eq!(decoder.records(), seen.len() as u64);
    (seen, decoder.finish())
}

fn good(id: &str, hundredths: u64, sortindex: Option<i32>, payload: &str) -> Seen {
    Ok((
        id.into(),
        ServerTime::from_hundredths(hundredths),
        sortindex,
        Some(payload.into()),
    ))
}

const ELEMENTS: [&str; 4] = [
    r#"{"id":"a","modified":1388635807.4,"sortindex":-12,"payload":"{\"x\":[1,\"},]\\n\"]}"}"#,
    r#" { "payload" : "日本 \ud83e\udd8a" , "more" : [{"deep":["]"]}] , "modified" : 1.3319567131E9 , "id" : "\u0062" } "#,
    r#"{"id":"zz","id":"c","modified":5,"modified":7,"payload":"","payload":"p","sortindex":null,"ttl":9}"#,
    r#"{"id":"{ec8030f7-c20a-464f-9b0e-13a3a9e97384}","modified":0,"payload":"\\","sortindex":1.5}"#,
];

fn expected() -> Vec<Seen> {
    vec![
        good("a", 138_863_580_740, Some(-12), r#"{"x":[1,"},]\n"]}"#),
        good("b", 133_195_671_310, None, "日本 🦊"),
        good("c", 700, None, "p"),
        good("{ec8030f7-c20a-464f-9b0e-13a3a9e97384}", 0, None, "\\"),
    ]
}

fn bodies() -> [(Format, String); 2] {
    [
        (Format::Newlines, ELEMENTS.join("\n") + "\n"),
        (Format::Array, format!("\r\n [{}]\n", ELEMENTS.join(","))),
    ]
}

#[test]
fn chunks_may_end_anywhere() {
    for (format, body) in bodies() {
        for size in 1..=body.len() {
            assert_eq!(
                decode(format, 1000, body.as_bytes(), &[size]),
                (expected(), Ok(())),
                "{size}"
            );
        }
    }
}

#[test]
fn truncation_is_detected_at_every_position() {
    for (format, body) in bodies() {
        let body = body.trim_end_matches(|c: char| format == Format::Array && c == '\n');
        for end in 0..body.len() {
            let (seen, finished) = decode(format, 1000, &body.as_bytes()[..end], &[7]);
            let between_lines =
                format == Format::Newlines && (end == 0 || body.as_bytes()[end - 1] == b'\n');
            let blank_start = format == Format::Newlines
                && body[..].as_bytes()[..end]
                    .iter()
                    .rev()
                    .take_while(|b| **b != b'\n')
                    .all(|b| *b == b' ');
            let whole = between_lines || blank_start;
            assert_eq!(
                finished,
                if whole {
                    Ok(())
                } else {
                    Err(StreamError::Truncated)
                },
                "{end}"
            );
            assert_eq!(seen, expected()[..seen.len()]);
        }
    }
}

#[test]
fn a_damaged_record_does_not_affect_the_others() {
    let sound = r#"{"id":"s","modified":1,"payload":"p"}"#;
    for (damaged, id) in [
        ("null", None),
        ("\"x\"", None),
        ("{}", None),
        (r#"{"id":"d"}"#, Some("d")),
        (r#"{"id":"d","modified":1}"#, Some("d")),
        (r#"{"id":"d","payload":"p"}"#, Some("d")),
        (r#"{"id":"d","modified":"1","payload":"p"}"#, Some("d")),
        (r#"{"id":"d","modified":-1,"payload":"p"}"#, Some("d")),
        (r#"{"id":"d","modified":1,"payload":null}"#, Some("d")),
        (r#"{"id":"d","modified":1,"payload":{"x":1}}"#, Some("d")),
        (r#"{"id":"d","modified":1,"payload":"p"} x"#, Some("d")),
        (r#"{"id":"d","modified":1 "payload":"p"}"#, Some("d")),
        (r#"{"id":"","modified":1,"payload":"p"}"#, None),
        (r#"{"id":"é","modified":1,"payload":"p"}"#, None),
        (r#"{"id":7,"modified":1,"payload":"p"}"#, None),
        (r#"{"id":"d","id":7,"modified":1,"payload":"p"}"#, None),
        (r#"{"modified":1,"payload":"p"}"#, None),
    ] {
        let error = Err((id.map(ToString::to_string), RecordFault::Malformed));
        let expected = vec![good("s", 100, None, "p"), error, good("s", 100, None, "p")];
        let lines = format!("{sound}\n{damaged}\n{sound}\n");
        assert_eq!(
            decode(Format::Newlines, 1000, lines.as_bytes(), &[9]),
            (expected.clone(), Ok(())),
            "{damaged}"
        );
        let array = format!("[{sound},{damaged},{sound}]");
        assert_eq!(
            decode(Format::Array, 1000, array.as_bytes(), &[9]),
            (expected, Ok(())),
            "{damaged}"
        );
    }
}

#[test]
fn invalid_utf8_in_a_payload_is_detected_when_it_is_read() {
    let line = b"{\"id\":\"a\",\"modified\":1,\"payload\":\"\xff\"}\n";
    let (seen, finished) = decode(Format::Newlines, 1000, line, &[100]);
    assert_eq!(
        (seen, finished),
        (
            vec![Ok((
                "a".into(),
                ServerTime::from_hundredths(100),
                None,
                None
            ))],
            Ok(())
        )
    );
}

#[test]
fn a_record_over_the_limit_is_refused_without_being_buffered() {
    let large = format!(
        r#"{{"id":"large","modified":1,"payload":"{}"}}"#,
        "x\\\"]},".repeat(50_000)
    );
    let small = r#"{"id":"s","modified":1,"payload":"p"}"#;
    let expected = vec![
        good("s", 100, None, "p"),
        Err((Some("large".into()), RecordFault::TooLarge)),
        good("s", 100, None, "p"),
    ];
    for (format, body) in [
        (Format::Newlines, format!("{small}\n{large}\n{small}\n")),
        (Format::Array, format!("[{small},{large},{small}]")),
    ] {
        for size in [1, 100, 999, 1_000_000] {
            assert_eq!(
                decode(format, 1000, body.as_bytes(), &[size]),
                (expected.clone(), Ok(())),
                "{size}"
            );
        }
        let mut decoder = Decoder::new(format, 1000);
        let mut seen = Vec::new();
        for chunk in body.as_bytes().chunks(500) {
            decoder.push(chunk);
            take(&mut decoder, &mut seen).unwrap();
            assert!(decoder.held_bytes() <= 2000, "{}", decoder.held_bytes());
        }
        let cut = body.len() - small.len() - 10;
        assert_eq!(
            decode(format, 1000, &body.as_bytes()[..cut], &[500]).1,
            Err(StreamError::Truncated)
        );
    }
}

#[test]
fn a_body_that_is_not_an_array_is_refused() {
    for (body, expected) in [
        ("", Err(StreamError::Truncated)),
        (" ", Err(StreamError::Truncated)),
        ("[", Err(StreamError::Truncated)),
        ("[]", Ok(())),
        (" [ ] \n", Ok(())),
        ("{}", Err(StreamError::NotAnArray)),
        ("[]]", Err(StreamError::Trailing)),
        ("[] x", Err(StreamError::Trailing)),
    ] {
        assert_eq!(
            decode(Format::Array, 1000, body.as_bytes(), &[1]),
            (vec![], expected),
            "{body}"
        );
    }
    let malformed = || Err((None, RecordFault::Malformed));
    assert_eq!(
        decode(Format::Array, 1000, b"[,]", &[1]),
        (vec![malformed(), malformed()], Ok(()))
    );
    assert_eq!(
        decode(Format::Newlines, 1000, b"\n \r\n\n", &[1]),
        (vec![], Ok(()))
    );
}

#[test]
fn ids_are_decoded_in_both_formats() {
    for (format, body) in [
        (
            Format::Newlines,
            "\"7vO3Zcdu6V4I\"\n\"\\u006denu\"\n7\n\"\"\n",
        ),
        (Format::Array, "[\"7vO3Zcdu6V4I\", \"\\u006denu\",7,\"\"]"),
    ] {
        for size in 1..body.len() {
            let mut decoder = IdDecoder::new(format);
            let mut seen = Vec::new();
            for chunk in body.as_bytes().chunks(size) {
                decoder.push(chunk);
                while let Some(id) = decoder.next_id().unwrap() {
                    seen.push(id.map(ToOwned::to_owned));
                }
            }
            let malformed = Err(RecordFault::Malformed);
            assert_eq!(
                seen,
                [
                    Ok("7vO3Zcdu6V4I".into()),
                    Ok("menu".into()),
                    malformed.clone(),
                    malformed
                ]
            );
            assert_eq!(decoder.finish(), Ok(()));
        }
    }
}

proptest! {
    #[test]
    fn encoded_records_are_decoded_again(
        records in prop::collection::vec(("[ -~]{1,64}", any::<Option<i32>>(), ".*"), 0..8),
        sizes in prop::collection::vec(1usize..200, 1..5),
        is_array: bool,
    ) {
        let mut body = Vec::new();
        for (id, sortindex, payload) in &records {
            if is_array {
                body.push(if body.is_empty() { b'[' } else { b',' });
            }
            Outgoing { id, payload: Some(payload), sortindex: *sortindex, ttl: None }.append_to(&mut body);
            let object: serde_json::Value = serde_json::from_slice(&body[body.iter().rposition(|b| *b == b'\n').map_or(usize::from(is_array), |at| at + 1)..]).unwrap_or_default();
            prop_assert!(is_array || object["payload"] == payload.as_str());
            // Only a server sets the modification time of a record.
            body.pop();
            body.extend_from_slice(b",\"modified\":12.5}");
            if !is_array {
                body.push(b'\n');
            }
        }
        if is_array {
            if body.is_empty() {
                body.push(b'[');
            }
            body.push(b']');
        }
        let format = if is_array { Format::Array } else { Format::Newlines };
        let expected: Vec<_> = records.iter().map(|(id, sortindex, payload)| good(id, 1250, *sortindex, payload)).collect();
        prop_assert_eq!(decode(format, 100_000, &body, &sizes), (expected, Ok(())));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(body: Vec<u8>, json in "[\\[\\]{},:\"\\\\0-9a-d\n ]{0,200}", sizes in prop::collection::vec(1usize..20, 1..5), limit in 0usize..50) {
        for format in [Format::Newlines, Format::Array] {
            for body in [&body[..], json.as_bytes()] {
                prop_assert!(decode(format, limit, body, &sizes).0.len() <= body.len() + 1);
                // The chunk sizes make no difference if no record is over the limit.
                prop_assert_eq!(decode(format, 1000, body, &sizes), decode(format, 1000, body, &[1]));
                let mut ids = IdDecoder::new(format);
                ids.push(body);
                while let Ok(Some(_)) = ids.next_id() {}
            }
        }
    }
}
