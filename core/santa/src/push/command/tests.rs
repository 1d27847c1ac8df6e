use alloc::format;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const VECTORS: &str = include_str!("../../../../../tests/vectors/santa_bytes.json");
const UUID: &str = "7b1f2f0e-3b0a-4c58-9a57-0c6f2a4c9d11";
const NOW: u64 = 1_767_225_600;

fn key() -> CommandKey {
    CommandKey::new((0..32).collect())
}

fn signed(request: CommandRequest, scheme: HmacScheme) -> Vec<u8> {
    key().sign(scheme, request).encode_to_vec()
}

fn ping(uuid: &str, issued_at: u64) -> CommandRequest {
    CommandRequest {
        uuid: uuid.into(),
        issued_at: issued_at as i64,
        ping: Some(Vec::new()),
        ..CommandRequest::default()
    }
}

fn gate() -> Gate {
    Gate::new(key(), HmacScheme::Message, None)
}

#[test]
fn signatures_equal_the_vectors() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let row = &vectors["commands"][0];
    let hex = |name: &str| const_hex::decode(row[name].as_str().unwrap()).unwrap();
    let request = CommandRequest::decode(&*hex("without_hmac")).unwrap();
    assert_eq!(request.encode_to_vec(), hex("without_hmac"));
    for (scheme, expected) in [
        (HmacScheme::Message, "hmac_shipped"),
        (HmacScheme::Parts, "hmac_schema"),
    ] {
        let payload = CommandRequest {
            hmac: hex(expected),
            ..request.clone()
        };
        let mut gate = Gate::new(CommandKey::new(hex("key")), scheme, None);
        let asked = gate.judge(&payload.encode_to_vec(), NOW).unwrap();
        assert_eq!((asked.action, asked.uuid.as_str()), (Action::Ping, UUID));
    }
}

#[test]
fn a_signature_of_the_other_scheme_is_rejected() {
    let payload = signed(ping(UUID, NOW), HmacScheme::Parts);
    assert_eq!(gate().judge(&payload, NOW), Err(CommandError::InvalidData));
}

#[test]
fn every_row() {
    let good = signed(ping(UUID, NOW), HmacScheme::Message);
    let with = |request| signed(request, HmacScheme::Message);
    let mut forged = good.clone();
    forged.extend([0x5a, 0]);
    let rows = [
        (
            "no message",
            b"\xff".to_vec(),
            NOW,
            Err(CommandError::Deserialization),
        ),
        ("empty", Vec::new(), NOW, Err(CommandError::InvalidData)),
        (
            "unsigned",
            ping(UUID, NOW).encode_to_vec(),
            NOW,
            Err(CommandError::InvalidData),
        ),
        (
            "changed afterwards",
            forged,
            NOW,
            Err(CommandError::InvalidData),
        ),
        ("at the edge", good.clone(), NOW + 300, Ok(Action::Ping)),
        (
            "too old",
            good.clone(),
            NOW + 301,
            Err(CommandError::InvalidData),
        ),
        (
            "of the future",
            good.clone(),
            NOW - 301,
            Err(CommandError::InvalidData),
        ),
        (
            "no UUID",
            with(ping("7b1f2f0e", NOW)),
            NOW,
            Err(CommandError::InvalidUuid),
        ),
        (
            "no command",
            with(CommandRequest {
                ping: None,
                ..ping(UUID, NOW)
            }),
            NOW,
            Err(CommandError::UnknownRequestType),
        ),
        (
            "not allowed",
            with(CommandRequest {
                ping: None,
                kill: Some(Vec::new()),
                ..ping(UUID, NOW)
            }),
            NOW,
            Err(CommandError::CommandDisabled),
        ),
        ("good", good, NOW, Ok(Action::Ping)),
    ];
    for (name, payload, now, expected) in rows {
        let allowed = Some([Action::Ping].into());
        let mut gate = Gate::new(key(), HmacScheme::Message, allowed);
        let judged = gate.judge(&payload, now).map(|asked| asked.action);
        assert_eq!(judged, expected, "{name}");
    }
}

#[test]
fn an_empty_list_of_allowed_actions_allows_nothing() {
    let payload = signed(ping(UUID, NOW), HmacScheme::Message);
    let mut gate = Gate::new(key(), HmacScheme::Message, Some(BTreeSet::new()));
    assert_eq!(
        gate.judge(&payload, NOW),
        Err(CommandError::CommandDisabled)
    );
}

#[test]
fn a_command_is_accepted_once_while_it_is_valid() {
    let mut gate = gate();
    let payload = signed(ping(UUID, NOW), HmacScheme::Message);
    let upper = signed(ping(&UUID.to_ascii_uppercase(), NOW), HmacScheme::Message);
    assert!(gate.judge(&payload, NOW - 300).is_ok());
    for now in [NOW - 300, NOW, NOW + 10, NOW + 300] {
        assert_eq!(
            gate.judge(&payload, now),
            Err(CommandError::InvalidData),
            "{now}"
        );
        assert_eq!(
            gate.judge(&upper, now),
            Err(CommandError::InvalidData),
            "{now}"
        );
    }
}

#[test]
fn the_number_of_stored_ids_is_limited() {
    let mut gate = gate();
    let passed = (0..700).filter(|number| {
        let uuid = format!("{number:08x}-3b0a-4c58-9a57-0c6f2a4c9d11");
        gate.judge(&signed(ping(&uuid, NOW), HmacScheme::Message), NOW)
            .is_ok()
    });
    assert_eq!(passed.count(), MAX_IDS);
}

proptest! {
    #[test]
    fn no_bytes_make_the_gate_panic_or_open(payload in any::<Vec<u8>>(), now in any::<u64>()) {
        prop_assert!(gate().judge(&payload, now).is_err());
    }
}
