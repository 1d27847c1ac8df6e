use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rule() -> impl Strategy<Value = RuleMessage> {
    let policy = proptest::option::of(proptest::sample::select(Policy::ALL));
    let rule_type = proptest::option::of(proptest::sample::select(RuleType::ALL));
    let texts = (any::<String>(), any::<String>(), any::<String>());
    (policy, rule_type, texts, any::<u32>()).prop_map(|(policy, rule_type, texts, count)| {
        RuleMessage {
            policy,
            rule_type,
            identifier: texts.0,
            custom_msg: texts.1,
            cel_expr: texts.2,
            file_bundle_binary_count: count,
            ..RuleMessage::default()
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let decision = proptest::option::of(proptest::sample::select(Decision::ALL));
    let users = proptest::collection::vec(any::<String>(), 0..3);
    // Quarters of seconds: all their digits are represented exactly.
    let time = any::<u32>().prop_map(|quarters| f64::from(quarters) / 4.0);
    (any::<String>(), decision, users, time, any::<i32>()).prop_map(
        |(file_path, decision, logged_in_users, execution_time, pid)| Event {
            file_path,
            decision,
            logged_in_users,
            execution_time,
            pid,
            signing_chain: [Certificate::default()].into(),
            entitlement_info: Some(EntitlementInfo {
                entitlements_filtered: Some(false),
                entitlements: Vec::new(),
            }),
            ..Event::default()
        },
    )
}

fn response() -> impl Strategy<Value = PreflightResponse> {
    let mode = proptest::option::of(proptest::sample::select(ClientMode::ALL));
    let regex = proptest::option::of(any::<String>());
    let flag = proptest::option::of(any::<bool>());
    let number = proptest::option::of(any::<u32>());
    (mode, regex, flag, number).prop_map(
        |(client_mode, allowed_path_regex, enable_bundles, batch_size)| PreflightResponse {
            client_mode,
            allowed_path_regex,
            enable_bundles,
            batch_size,
            removable_media_policy: Some(MediaPolicy::default()),
            ..PreflightResponse::default()
        },
    )
}

proptest! {
    #[test]
    fn written_messages_are_read_again(
        rules in proptest::collection::vec(rule(), 0..4),
        events in proptest::collection::vec(event(), 0..4),
        response in response(),
        cursor in any::<String>(),
    ) {
        let page = RuleDownloadResponse { rules, cursor };
        let upload = EventUploadRequest { events, ..EventUploadRequest::default() };
        for form in [Form::Json, Form::Protobuf] {
            prop_assert_eq!(&form.read::<RuleDownloadResponse>(&form.write(&page)).unwrap(), &page);
            prop_assert_eq!(&form.read::<EventUploadRequest>(&form.write(&upload)).unwrap(), &upload);
            prop_assert_eq!(&form.read::<PreflightResponse>(&form.write(&response)).unwrap(), &response);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), text in ".{0,200}") {
        for form in [Form::Json, Form::Protobuf] {
            for body in [bytes.as_slice(), text.as_bytes()] {
                let _answers = (
                    form.read::<PreflightResponse>(body).is_ok(),
                    form.read::<RuleDownloadResponse>(body).is_ok(),
                    form.read::<EventUploadRequest>(body).is_ok(),
                );
            }
        }
    }
}

#[test]
fn absent_values_are_omitted_and_present_ones_are_not() {
    let request = PreflightRequest {
        client_mode: Some(ClientMode::Monitor),
        cdhash_rule_count: 3,
        rules_hash: "99".into(),
        ..PreflightRequest::default()
    };
    assert_eq!(
        serde_json::to_string(&request).unwrap(),
        r#"{"client_mode":"MONITOR","cdhash_rule_count":3,"rulesHash":"99"}"#
    );
    let response = PreflightResponse {
        enable_bundles: Some(false),
        allowed_path_regex: Some(String::new()),
        ..PreflightResponse::default()
    };
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        r#"{"enable_bundles":false,"allowed_path_regex":""}"#
    );
    assert_eq!(Form::Protobuf.write(&response), [0x20, 0, 0x5a, 0]);
}

#[test]
fn of_two_spellings_the_later_one_wins() {
    for (text, expected) in [
        (r#"{"batch_size":1,"batchSize":2}"#, 2),
        (r#"{"batchSize":2,"batch_size":1}"#, 1),
        (r#"{"batch_size":1,"batch_size":3}"#, 3),
    ] {
        let response: PreflightResponse = Form::Json.read(text.as_bytes()).unwrap();
        assert_eq!(response.batch_size, Some(expected), "{text}");
    }
}

#[test]
fn an_error_contains_position_and_field_but_not_the_value() {
    for (text, reason) in [
        (
            r#"{"batch_size":"hunter2"}"#,
            "the field batch_size must be a number (line 1, column 15)",
        ),
        (
            "{\n \"batchSize\": -7}",
            "the field batchSize must be a whole number from 0 to 4294967295 (line 2, column 15)",
        ),
        (
            r#"{"rules":[{"policy":{"hunter2":1}}]}"#,
            "the field policy must be a name or a number (line 1, column 21)",
        ),
        (
            r#"{"rules":[5]}"#,
            "a value must be a list, or one of its elements (line 1, column 11)",
        ),
        (
            r#"{"é":1 "hunter2":2}"#,
            "unexpected character after a number (line 1, column 8)",
        ),
        ("[]", "the text must be a JSON object (line 1, column 1)"),
        (
            r#"{"hunter2":1e999}"#,
            "a number is too large (line 1, column 12)",
        ),
    ] {
        let shown = if text.contains("rules") {
            Form::Json
                .read::<RuleDownloadResponse>(text.as_bytes())
                .unwrap_err()
        } else {
            Form::Json
                .read::<PreflightResponse>(text.as_bytes())
                .unwrap_err()
        };
        let shown = alloc::format!("{shown}");
        assert_eq!(
            shown,
            alloc::format!("the message cannot be read: {reason}")
        );
    }
}

#[test]
fn consecutive_objects_are_read_separately() {
    let read = |text: &str| read_objects::<RuleMessage>(text.as_bytes());
    assert_eq!(read("").unwrap(), []);
    assert_eq!(read(" \n").unwrap(), []);
    let rules = read("{identifier:'a'}\n{identifier:'b',}{}").unwrap();
    let names: Vec<&str> = rules.iter().map(|rule| rule.identifier.as_str()).collect();
    assert_eq!(names, ["a", "b", ""]);
    assert!(read("{},{}").is_err());
    assert!(read("[{}]").is_err());
    assert!(read("{} 5").is_err());
}
