//! How protobuf 35.1, which Santa links, reads responses in JSON: each text was read by that library with the
//! protocol's schema, and its result is listed next to the text as strict JSON.

use alloc::format;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Rows<'a> = &'a [(&'a str, Option<&'a str>)];

/// Texts of preflight's response and the result of reading them; `None` is a response that makes the stage fail.
#[rustfmt::skip]
const PREFLIGHT: Rows<'_> = &[
    (r#"{"client_mode":"2"}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"enable_bundles":"true","enable_all_event_upload":"false"}"#, Some(r#"{"enable_bundles":true,"enable_all_event_upload":false}"#)),
    (r#"{"enable_bundles":"yes","enable_all_event_upload":"0"}"#, Some(r#"{"enable_bundles":true,"enable_all_event_upload":false}"#)),
    (r#"{"enable_bundles":"TRUE"}"#, Some(r#"{"enable_bundles":true}"#)),
    (r#"{"enable_bundles":""}"#, None),
    (r#"{"enable_bundles":1}"#, None),
    (r#"{"block_usb_mount":true,"remount_usb_mode":"noexec"}"#, Some(r#"{"block_usb_mount":true,"remount_usb_mode":["noexec"]}"#)),
    (r#"{"remount_usb_mode":["noexec",null]}"#, Some(r#"{"remount_usb_mode":["noexec",""]}"#)),
    (r#"{"remount_usb_mode":[["a"],["b",["c"]]]}"#, Some(r#"{"remount_usb_mode":["a","b","c"]}"#)),
    ("{'batch_size':7,client_mode:'LOCKDOWN',}", Some(r#"{"client_mode":"LOCKDOWN","batch_size":7}"#)),
    (r#"{"remount_usb_mode":["a",]}"#, Some(r#"{"remount_usb_mode":["a"]}"#)),
    ("{\"event_detail_text\":\"a\tb\"}", Some(r#"{"event_detail_text":"a\tb"}"#)),
    (r#"{"event_detail_text":"\u0000"}"#, Some(r#"{"event_detail_text":"\u0000"}"#)),
    (r#"{"event_detail_text":"it\'s \U0041"}"#, Some(r#"{"event_detail_text":"it's A"}"#)),
    (r#"{"removable_media_policy":{"allow":true,"block":true}}"#, None),
    (r#"{"removable_media_policy":{"allow":true,"block":null}}"#, Some(r#"{"removable_media_policy":{"allow":true}}"#)),
    (r#"{"removable_media_policy":{"allow":true},"removableMediaPolicy":{"block":true}}"#, Some(r#"{"removable_media_policy":{"block":true}}"#)),
    (r#"{"removable_media_policy":{"block":false}}"#, Some(r#"{"removable_media_policy":{"block":false}}"#)),
    (r#"{"removable_media_policy":{}}"#, Some(r#"{"removable_media_policy":{}}"#)),
    (r#"{"removable_media_policy":null}"#, Some("{}")),
    (r#"{"removable_media_policy":{"remount":{"flags":["a"]}},"removable_media_policy":{"remount":{"flags":["b"]}}}"#, Some(r#"{"removable_media_policy":{"remount":{"flags":["b"]}}}"#)),
    (r#"{"client_mode":"MONITOR","client_mode":"LOCKDOWN"}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"client_mode":"LOCKDOWN","client_mode":"WAT"}"#, Some("{}")),
    (r#"{"sync_type":"CLEAN","sync_type":"WAT"}"#, Some(r#"{"sync_type":"CLEAN"}"#)),
    (r#"{"batch_size":7,"batch_size":null}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"block_usb_mount":true,"remount_usb_mode":["a"],"remountUsbMode":["b"]}"#, Some(r#"{"block_usb_mount":true,"remount_usb_mode":["a","b"]}"#)),
    (r#"{"fullSyncIntervalSeconds":900}"#, Some(r#"{"full_sync_interval_seconds":900}"#)),
    (r#"{"fullSyncInterval":900}"#, Some("{}")),
    (r#"{"full_sync_interval_seconds":900}"#, Some(r#"{"full_sync_interval_seconds":900}"#)),
    (r#"{"full_sync_interval":900}"#, Some(r#"{"full_sync_interval_seconds":900}"#)),
    (r#"{"deprecatedCleanSync":true}"#, Some(r#"{"deprecated_clean_sync":true}"#)),
    (r#"{"deprecated_clean_sync":true}"#, Some(r#"{"deprecated_clean_sync":true}"#)),
    (r#"{"cleanSync":true}"#, Some("{}")),
    (r#"{"fcm_full_sync_interval_seconds":1200}"#, Some("{}")),
    (r#"{"deprecatedFcmFullSyncIntervalSeconds":1200}"#, Some(r#"{"deprecated_fcm_full_sync_interval_seconds":1200}"#)),
    (r#"{"whitelistRegex":"a"}"#, Some("{}")),
    (r#"{"client_mode":3000000000}"#, None),
    (r#"{"client_mode":1.5}"#, None),
    (r#"{"client_mode":2.0}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"client_mode":99}"#, Some("{}")),
    (r#"{"client_mode":true}"#, None),
    (r#"{"client_mode":" 2 "}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"sync_type":0}"#, Some(r#"{"sync_type":"SYNC_TYPE_UNSPECIFIED"}"#)),
    (r#"{"sync_type":"SYNC_TYPE_UNSPECIFIED"}"#, Some(r#"{"sync_type":"SYNC_TYPE_UNSPECIFIED"}"#)),
    (r#"{"sync_type":99}"#, Some(r#"{"sync_type":99}"#)),
    (r#"{"sync_type":"4"}"#, Some(r#"{"sync_type":"CLEAN_STANDALONE"}"#)),
    (r#"{"sync_type":""}"#, Some("{}")),
    (r#"{"sync_type":null,"clean_sync":true}"#, Some(r#"{"deprecated_clean_sync":true}"#)),
    (r#"{"sync_type":"5000000000"}"#, Some("{}")),
    (r#"{"sync_type":"clean_all"}"#, Some(r#"{"sync_type":"CLEAN_ALL"}"#)),
    (r#"{"sync_type":"Clean"}"#, Some("{}")),
    (r#"{"batch_size":"100"}"#, Some(r#"{"batch_size":100}"#)),
    (r#"{"batchSize":1e2}"#, Some(r#"{"batch_size":100}"#)),
    (r#"{"batch_size":100.0}"#, Some(r#"{"batch_size":100}"#)),
    (r#"{"batch_size":"1e2"}"#, Some(r#"{"batch_size":100}"#)),
    (r#"{"batch_size":100.5}"#, None),
    (r#"{"batch_size":-1}"#, None),
    (r#"{"batch_size":-0}"#, Some(r#"{"batch_size":0}"#)),
    (r#"{"batch_size":"abc"}"#, None),
    (r#"{"batch_size":" 7"}"#, None),
    (r#"{"batch_size":"+7"}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"batch_size":""}"#, None),
    (r#"{"batch_size":007}"#, None),
    (r#"{"batch_size":4294967296}"#, None),
    (r#"{"batch_size":true}"#, None),
    (r#"{"batch_size":[7]}"#, None),
    (r#"{"batch_size":{}}"#, None),
    (r#"{"event_detail_text":"\ud83d"}"#, None),
    (r#"{"zzz":"\ud83d","batch_size":7}"#, None),
    (r#"{"zzz":1e999,"batch_size":7}"#, None),
    (r#"{"zzz":01,"batch_size":7}"#, None),
    (r#"{"zzz":NaN,"batch_size":7}"#, None),
    (r#"{"zzz":{"new":[1]},"batch_size":7}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"batch_size":7}x"#, None),
    (r#"{"batch_size":7}  "#, Some(r#"{"batch_size":7}"#)),
    ("null", None),
    ("[]", None),
    (r#""""#, None),
    (" ", None),
    ("{}", Some("{}")),
    ("{,}", None),
    (r#"{"allowed_path_regex":5}"#, None),
    (r#"{"allowed_path_regex":null}"#, Some("{}")),
    (r#"{"push_token":"a","push_issuer_token":"b"}"#, Some(r#"{"push_token":"a","push_issuer_token":"b"}"#)),
    ("// c\n{}", None),
    (r#"{"override_file_access_action":"AuditOnly"}"#, Some(r#"{"override_file_access_action":"AUDIT_ONLY"}"#)),
    (r#"{"override_file_access_action":"auditonly"}"#, Some("{}")),
    (r#"{"override_file_access_action":"FILE_ACCESS_ACTION_UNSPECIFIED"}"#, Some(r#"{"override_file_access_action":"FILE_ACCESS_ACTION_UNSPECIFIED"}"#)),
];

/// Texts of a page of rules and the result of reading them; `None` is a response that makes the stage fail.
#[rustfmt::skip]
const RULES: Rows<'_> = &[
    (r#"{"rules":[null]}"#, Some(r#"{"rules":[{}]}"#)),
    (r#"{"rules":null}"#, Some("{}")),
    (r#"{"rules":[null,{"identifier":"aa","policy":"BLOCKLIST","rule_type":"BINARY"}]}"#, Some(r#"{"rules":[{},{"identifier":"aa","policy":"BLOCKLIST","rule_type":"BINARY"}]}"#)),
    (r#"{"rules":{"identifier":"aa","policy":"BLOCKLIST","rule_type":"BINARY"}}"#, Some(r#"{"rules":[{"identifier":"aa","policy":"BLOCKLIST","rule_type":"BINARY"}]}"#)),
    (r#"{"rules":[[{"identifier":"aa"}],[[{"identifier":"bb"}]]]}"#, Some(r#"{"rules":[{"identifier":"aa"},{"identifier":"bb"}]}"#)),
    (r#"{"rules":[{"identifier":"aa"}],"rules":[{"identifier":"bb"}]}"#, Some(r#"{"rules":[{"identifier":"aa"},{"identifier":"bb"}]}"#)),
    (r#"{"rules":[{"identifier":"aa","policy":3,"rule_type":"1"}]}"#, Some(r#"{"rules":[{"identifier":"aa","policy":"BLOCKLIST","rule_type":"BINARY"}]}"#)),
    (r#"{"rules":[{"identifier":"aa","policy":"SEATBELT","rule_type":"PACKAGE"}]}"#, Some(r#"{"rules":[{"identifier":"aa"}]}"#)),
    (r#"{"rules":[{"identifier":"aa","policy":99,"rule_type":"CERT"}]}"#, Some(r#"{"rules":[{"identifier":"aa"}]}"#)),
    (r#"{"rules":""}"#, None),
    (r#"{"rules":[]}"#, Some("{}")),
    (r#"{"rules":[5]}"#, None),
    (r#"{"cursor":5}"#, None),
    (r#"{"cursor":{"a":1}}"#, None),
    (r#"{"cursor":null}"#, Some("{}")),
    (r#"{"cursor":["a"]}"#, None),
    (r#"{"cursor":"a","cursor":"b"}"#, Some(r#"{"cursor":"b"}"#)),
    (r#"{"rules":[{"deprecatedSha256":"aa"},{"deprecated_sha256":"bb"},{"sha256":"cc"}]}"#, Some(r#"{"rules":[{"deprecated_sha256":"aa"},{"deprecated_sha256":"bb"},{"deprecated_sha256":"cc"}]}"#)),
    (r#"{"rules":[{"file_bundle_binary_count":"3","fileBundleHash":"x"}]}"#, Some(r#"{"rules":[{"file_bundle_hash":"x","file_bundle_binary_count":3}]}"#)),
    (r#"{"rules":[{"identifier":"aa","identifier":null,"policy":"WHITELIST"}]}"#, Some(r#"{"rules":[{"identifier":"aa","policy":"ALLOWLIST"}]}"#)),
];

/// Texts of eventupload's response and the result of reading them; `None` is a response that makes the stage fail.
#[rustfmt::skip]
const BUNDLES: Rows<'_> = &[
    (r#"{"eventUploadBundleBinaries":["aa"]}"#, Some(r#"{"event_upload_bundle_binaries":["aa"]}"#)),
    (r#"{"event_upload_bundle_binaries":"aa"}"#, Some(r#"{"event_upload_bundle_binaries":["aa"]}"#)),
    (r#"{"Err":null}"#, Some("{}")),
    (r#"{"event_upload_bundle_binaries":[null,"aa"]}"#, Some(r#"{"event_upload_bundle_binaries":["","aa"]}"#)),
];

/// Further texts of preflight's response, of the same kinds.
#[rustfmt::skip]
const FURTHER: Rows<'_> = &[
    ("{batch_size:7}", Some(r#"{"batch_size":7}"#)),
    ("{ batch_size : 7 , }", Some(r#"{"batch_size":7}"#)),
    ("{'batch_size':'7'}", Some(r#"{"batch_size":7}"#)),
    ("{'event_detail_text':'\"'}", Some(r#"{"event_detail_text":"\""}"#)),
    ("{\"event_detail_text\":\"'\"}", Some(r#"{"event_detail_text":"'"}"#)),
    ("{\"event_detail_text\":\"a\nb\0\"}", Some(r#"{"event_detail_text":"a\nb\u0000"}"#)),
    (r#"{"event_detail_text":"\ud83e\udd8a"}"#, Some(r#"{"event_detail_text":"🦊"}"#)),
    (r#"{"event_detail_text":"\Ud83e  \udd8a"}"#, Some(r#"{"event_detail_text":"🦊"}"#)),
    (r#"{"event_detail_text":"\/\b\f\n\r\t\\\""}"#, Some(r#"{"event_detail_text":"\/\b\f\n\r\t\\\""}"#)),
    (r#"{"batch\u005fsize":7}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"event_detail_text":"\udd8a"}"#, None),
    (r#"{"event_detail_text":"\ud83e\u0041"}"#, None),
    (r#"{"event_detail_text":"\ud83e"#, None),
    (r#"{"event_detail_text":"\x41"}"#, None),
    (r#"{"event_detail_text":"\u00"}"#, None),
    (r#"{"event_detail_text":"\u+041"}"#, None),
    ("{'event_detail_text':'a\"}", None),
    ("{\"a\":1 \"b\":2}", None),
    ("{\"a\":1,,\"b\":2}", None),
    ("{\"a\":1,,}", None),
    ("{\"a\":}", None),
    ("{\"a\"}", None),
    ("{\"a\" 1}", None),
    ("{a-b:1}", None),
    ("{9a:1}", None),
    ("{null:1}", None),
    ("{true:1}", None),
    ("{a9_:1}", Some("{}")),
    ("{\"zzz\":[,]}", None),
    ("{\"zzz\":[1,,2]}", None),
    ("{\"zzz\":[1,2,]}", Some("{}")),
    ("{\"zzz\":[1 2]}", None),
    ("{\"zzz\":tru}", None),
    ("{\"zzz\":True}", None),
    ("{\"zzz\":nul}", None),
    ("{\"zzz\":Infinity}", None),
    ("{\"zzz\":-Infinity}", None),
    ("{\"zzz\":.5}", None),
    ("{\"zzz\":5.}", None),
    ("{\"zzz\":1e}", None),
    ("{\"zzz\":+1}", None),
    ("{\"zzz\":-}", None),
    ("{\"zzz\":-01}", None),
    ("{\"zzz\":0x10}", None),
    ("{\"zzz\":1e-999}", Some("{}")),
    ("{\"zzz\":-1.5E+3}", Some("{}")),
    ("{\"zzz\":-1e999}", None),
    ("{\"zzz\":[{\"y\":1e999}]}", None),
    ("{\"zzz\":'\\udd8a'}", None),
    ("{\"zzz\":1}{}", None),
    ("{\"zzz\":/* */1}", None),
    ("{", None),
    ("{\"zzz\":[", None),
    ("{\"zzz\":\"", None),
    (r#"{"batch_size":"007"}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"batch_size":"7."}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"batch_size":".7e1"}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"batch_size":"+7e0"}"#, Some(r#"{"batch_size":7}"#)),
    (r#"{"batch_size":"-0"}"#, Some(r#"{"batch_size":0}"#)),
    (r#"{"batch_size":4294967295}"#, Some(r#"{"batch_size":4294967295}"#)),
    (r#"{"batch_size":"4294967296"}"#, None),
    (r#"{"batch_size":"7 "}"#, None),
    (r#"{"batch_size":"0x7"}"#, None),
    (r#"{"batch_size":"inf"}"#, None),
    (r#"{"batch_size":"nan"}"#, None),
    (r#"{"batch_size":"-1"}"#, None),
    (r#"{"batch_size":"7.5"}"#, None),
    (r#"{"batch_size":1e30}"#, None),
    (r#"{"batch_size":7null}"#, None),
    (r#"{"enable_bundles":"T"}"#, Some(r#"{"enable_bundles":true}"#)),
    (r#"{"enable_bundles":"y","enable_bundles":"No"}"#, Some(r#"{"enable_bundles":false}"#)),
    (r#"{"enable_bundles":"1","enable_transitive_rules":"f"}"#, Some(r#"{"enable_bundles":true,"enable_transitive_rules":false}"#)),
    (r#"{"enable_bundles":" true"}"#, None),
    (r#"{"enable_bundles":"on"}"#, None),
    (r#"{"enable_bundles":0}"#, None),
    (r#"{"enable_bundles":[true]}"#, None),
    (r#"{"client_mode":"+2"}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"client_mode":"\t2\n"}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"client_mode":"2.0"}"#, Some("{}")),
    (r#"{"client_mode":"3000000000"}"#, Some("{}")),
    (r#"{"client_mode":-2147483649}"#, None),
    (r#"{"client_mode":-1}"#, Some("{}")),
    (r#"{"client_mode":"LOCKDOWN","client_mode":null}"#, Some(r#"{"client_mode":"LOCKDOWN"}"#)),
    (r#"{"client_mode":"LOCKDOWN","client_mode":99}"#, Some("{}")),
    (r#"{"client_mode":["LOCKDOWN"]}"#, None),
    (r#"{"client_mode":{}}"#, None),
    (r#"{"sync_type":"CLEAN","syncType":"0"}"#, Some(r#"{"sync_type":0}"#)),
    (r#"{"sync_type":"CLEAN","sync_type":null}"#, Some(r#"{"sync_type":"CLEAN"}"#)),
    (r#"{"sync_type":-7}"#, Some(r#"{"sync_type":0}"#)),
    (r#"{"remount_usb_mode":"a","remount_usb_mode":null,"remount_usb_mode":[]}"#, Some(r#"{"remount_usb_mode":["a"]}"#)),
    (r#"{"remount_usb_mode":[5]}"#, None),
    (r#"{"remount_usb_mode":5}"#, None),
    (r#"{"remount_usb_mode":{}}"#, None),
    (r#"{"remount_usb_mode":[[[],[null]],'b']}"#, Some(r#"{"remount_usb_mode":["","b"]}"#)),
    (r#"{"removable_media_policy":[{"allow":true}]}"#, None),
    (r#"{"removable_media_policy":"allow"}"#, None),
    (r#"{"removable_media_policy":{"allow":true,"allow":true}}"#, None),
    (r#"{"removable_media_policy":{"remount":{},"block":true}}"#, None),
    (r#"{"removable_media_policy":{"block":null,"remount":null}}"#, Some(r#"{"removable_media_policy":{}}"#)),
    (r#"{"removable_media_policy":{"remount":{"flags":["a"]}},"removable_media_policy":{}}"#, Some(r#"{"removable_media_policy":{"remount":{"flags":["a"]}}}"#)),
    (r#"{"removable_media_policy":{"remount":{"flags":["a"],"flags":"b"}}}"#, Some(r#"{"removable_media_policy":{"remount":{"flags":["a","b"]}}}"#)),
    (r#"{"removable_media_policy":{"remount":{"flags":["a"]}},"removable_media_policy":{"remount":{}}}"#, Some(r#"{"removable_media_policy":{"remount":{}}}"#)),
    (r#"{"push_token":null,"event_detail_url":""}"#, Some(r#"{"event_detail_url":""}"#)),
];

fn all_are_read_as_santa_reads_them<M>(rows: Rows<'_>)
where
    M: prost::Message + Default + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug,
{
    for (text, expected) in rows {
        let found = Form::Json.read::<M>(text.as_bytes());
        let expected = expected.map(|strict| serde_json::from_str::<M>(strict).unwrap());
        assert_eq!(found.as_ref().ok(), expected.as_ref(), "{text}");
    }
}

#[test]
fn an_answer_to_preflight_is_read_as_santa_reads_it() {
    all_are_read_as_santa_reads_them::<PreflightResponse>(PREFLIGHT);
    all_are_read_as_santa_reads_them::<PreflightResponse>(FURTHER);
}

#[test]
fn a_page_of_rules_is_read_as_santa_reads_it() {
    all_are_read_as_santa_reads_them::<RuleDownloadResponse>(RULES);
}

#[test]
fn an_answer_to_eventupload_is_read_as_santa_reads_it() {
    all_are_read_as_santa_reads_them::<EventUploadResponse>(BUNDLES);
}

#[test]
fn a_hundred_levels_including_the_outermost_object_are_read() {
    for (open, close) in [("[", "]"), ("{a:", "}")] {
        for (count, is_read) in [(1, true), (99, true), (100, false), (100_000, false)] {
            let inner = if close == "]" { "" } else { "1" };
            let nested = format!("{}{inner}{}", open.repeat(count), close.repeat(count));
            for text in [
                format!("{{\"zzz\":{nested},\"batch_size\":7}}"),
                format!("{{\"zzz\":{nested}, 'y':[[]],}}"),
            ] {
                let found = Form::Json.read::<PreflightResponse>(text.as_bytes());
                assert_eq!(found.is_ok(), is_read, "{count} of {open}");
            }
        }
    }
    let flags = |count: usize| {
        let list = format!("{}'a'{}", "[".repeat(count), "]".repeat(count));
        let text = format!("{{remount_usb_mode:{list}}}");
        Form::Json.read::<PreflightResponse>(text.as_bytes())
    };
    assert_eq!(flags(99).unwrap().remount_usb_mode, ["a"]);
    assert!(flags(100).is_err());
}

#[test]
fn a_prefix_and_then_a_byte_order_mark_are_dropped_once_each() {
    for (start, is_read) in [
        ("", true),
        (")]}'\n", true),
        ("])}", true),
        ("\u{feff}", true),
        (")]}'\n\u{feff}", true),
        ("\u{feff})]}'\n", false),
        ("\u{feff}\u{feff}", false),
        ("])}])}", false),
        (")]}'", false),
        (" )]}'\n", false),
        (" \u{feff}", false),
    ] {
        let text = format!("{start}{{\"batch_size\":7}}");
        let found = Form::Json.read::<PreflightResponse>(text.as_bytes());
        assert_eq!(found.is_ok(), is_read, "{start:?}");
    }
    for nothing in [")]}'\n", "])}", "\u{feff}", " ", "\n"] {
        let found = Form::Json.read::<PreflightResponse>(nothing.as_bytes());
        assert!(found.is_err(), "{nothing:?}");
    }
    let found = Form::Json.read::<PreflightResponse>(b"");
    assert_eq!(found.unwrap(), PreflightResponse::default());
}

#[test]
fn invalid_utf_8_anywhere_makes_the_response_invalid() {
    for text in [
        &b"{\"zzz\":\"\xff\"}"[..],
        b"{\"zzz\":\"\xed\xa0\xbd\"}",
        b"{\"zzz\":\"\xc3\"}",
        b"{}\x80",
        b"{\"\xfe\":1}",
    ] {
        assert!(Form::Json.read::<PreflightResponse>(text).is_err());
    }
}

#[test]
fn an_enumeration_without_a_known_number_differs_from_an_absent_one_in_protobuf_too() {
    // sync_type, then clean_sync.
    for (number, expected) in [
        (0, Some(SyncType::Unspecified)),
        (3, Some(SyncType::CleanAll)),
    ] {
        let answer = Form::Protobuf.read::<PreflightResponse>(&[0x10, number]);
        assert_eq!(answer.unwrap().sync_type, expected);
    }
    let answer = Form::Protobuf.read::<PreflightResponse>(&[0x10, 99]);
    assert_eq!(answer.unwrap().sync_type, Some(SyncType::Unspecified));
    // removable_media_policy: allow, then block.
    let both = [0xa2, 0x02, 4, 0x08, 1, 0x10, 0];
    let policy = Form::Protobuf.read::<PreflightResponse>(&both).unwrap();
    let policy = policy.removable_media_policy.unwrap();
    assert_eq!((policy.allow, policy.block), (None, Some(false)));
}
