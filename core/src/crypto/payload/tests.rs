//! Records against the vectors, individually and in batches: both must give the same results.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::bso::{Decoder, Format, Opener, Sealer};
use crate::crypto::RustCrypto;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Deserialize)]
struct Valid {
    name: String,
    encryption_key: String,
    hmac_key: String,
    #[serde(rename = "IV")]
    iv: String,
    ciphertext: String,
    hmac: String,
    cleartext: String,
    envelope: Option<Envelope>,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
}

#[derive(Deserialize)]
struct Invalid {
    name: String,
    expect: String,
    encryption_key: String,
    hmac_key: String,
    envelope_id: String,
    payload: String,
}

#[derive(Deserialize)]
struct Vectors {
    valid: Vec<Valid>,
    invalid: Vec<Invalid>,
}

fn vectors() -> Vectors {
    let text = include_str!("../../../../tests/vectors/records.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    assert_eq!((vectors.valid.len(), vectors.invalid.len()), (9, 13));
    vectors
}

fn bundle(encryption: &str, hmac: &str) -> KeyBundle {
    let joined = const_hex::decode(format!("{encryption}{hmac}")).unwrap();
    KeyBundle::from_slice(&joined).unwrap()
}

/// A random number generator that returns the bytes specified by a test.
struct FixedRandom(Vec<u8>);

impl Random for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.copy_from_slice(self.0.get(..bytes.len()).ok_or(RandomError)?);
        Ok(())
    }
}

/// Opens one payload with the batch implementation.
fn open_by_batch(bundle: &KeyBundle, payload: &str, id: &str) -> Result<String, PayloadError> {
    let mut decoder = Decoder::new(Format::Newlines, 1 << 20);
    let payload = serde_json::to_string(payload).unwrap();
    let id = serde_json::to_string(id).unwrap();
    decoder.push(format!("{{\"id\":{id},\"modified\":1.5,\"payload\":{payload}}}\n").as_bytes());
    let mut opener = Opener::new(bundle, RustCrypto::new(bundle));
    opener.add(&decoder.next_record().unwrap().unwrap().unwrap());
    let opened = pollster::block_on(opener.open()).unwrap();
    let record = opened.records().next().unwrap();
    record.cleartext.map(ToString::to_string)
}

fn payload_of(case: &Valid) -> String {
    format!(
        r#"{{"ciphertext":"{}","IV":"{}","hmac":"{}"}}"#,
        case.ciphertext, case.iv, case.hmac
    )
}

#[test]
fn documented_records_are_written_byte_for_byte() {
    for case in vectors().valid {
        let bundle = bundle(&case.encryption_key, &case.hmac_key);
        let iv = BASE64.decode_to_vec(&case.iv).unwrap();
        let payload = encrypt(
            &bundle,
            &iv.clone().try_into().unwrap(),
            case.cleartext.as_bytes(),
        );
        assert_eq!(payload, payload_of(&case), "{}", case.name);

        let mut sealer = Sealer::new(&bundle, RustCrypto::new(&bundle));
        sealer.add("an id", &case.cleartext, None, None);
        assert_eq!(sealer.bytes().abs_diff(payload.len()), 0);
        let sealed = pollster::block_on(sealer.seal(&FixedRandom(iv))).unwrap();
        let record = sealed.records().next().unwrap();
        assert_eq!(record.payload_bytes, payload.len());
        let escaped = serde_json::to_string(&payload).unwrap();
        let bso = format!("{{\"id\":\"an id\",\"payload\":{escaped}}}");
        assert_eq!(core::str::from_utf8(record.bso).unwrap(), bso);
    }
}

#[test]
fn documented_records_are_decrypted() {
    for case in vectors().valid {
        let bundle = bundle(&case.encryption_key, &case.hmac_key);
        let payload = payload_of(&case);
        let bytes = decrypt(&bundle, &payload).unwrap();
        assert_eq!(*bytes, case.cleartext.as_bytes(), "{}", case.name);
        let id = match &case.envelope {
            Some(envelope) => envelope.id.as_str(),
            // The documented history record; "SECRET MESSAGE" is not a JSON object and can only be decrypted.
            None if case.cleartext.starts_with('{') => "5qRsgXWRJZXr",
            None => continue,
        };
        assert_eq!(
            open(&bundle, &payload, id).map(|text| text.to_string()),
            Ok(case.cleartext.clone())
        );
        assert_eq!(open_by_batch(&bundle, &payload, id), Ok(case.cleartext));
    }
}

#[test]
fn each_kind_of_invalid_payload_has_its_error() {
    for case in vectors().invalid {
        let bundle = bundle(&case.encryption_key, &case.hmac_key);
        let expected = match case.expect.as_str() {
            "hmac-mismatch" => PayloadError::HmacMismatch,
            "malformed-payload" => PayloadError::MalformedPayload,
            "malformed-cleartext" => PayloadError::MalformedCleartext,
            "id-mismatch" => PayloadError::IdMismatch,
            other => panic!("{other}"),
        };
        assert_eq!(
            open(&bundle, &case.payload, &case.envelope_id).err(),
            Some(expected),
            "{}",
            case.name
        );
        assert_eq!(
            open_by_batch(&bundle, &case.payload, &case.envelope_id),
            Err(expected),
            "{}",
            case.name
        );
        assert_eq!(expected.is_key_problem(), case.expect == "hmac-mismatch");
    }
}

#[test]
fn payloads_in_the_forms_of_other_clients_are_decrypted() {
    let bundle = KeyBundle::new([1; 32], [2; 32]);
    let payload = encrypt(&bundle, &[255; 16], br#"{"id":"a","x":"???>>>"}"#);
    let parts = Parts::read(&payload).unwrap();
    let Parts {
        ciphertext,
        iv,
        hmac,
    } = parts;
    let slashes = ciphertext.replace('/', "\\/");
    for form in [
        format!(r#"{{"IV":"{iv}","hmac":"{hmac}","ciphertext":"{ciphertext}"}}"#),
        format!(r#" {{ "ciphertext" : "{ciphertext}" , "IV" : "{iv}", "hmac":"{hmac}" }} "#),
        format!("{{\n\t\"ciphertext\":\"{ciphertext}\",\n\"IV\":\"{iv}\",\"hmac\":\"{hmac}\"}}\n"),
        format!(r#"{{"ciphertext":"{slashes}","IV":"{iv}","hmac":"{hmac}"}}"#),
        format!(r#"{{"\u0063iphertext":"{ciphertext}","IV":"{iv}","hmac":"{hmac}"}}"#),
        format!(r#"{{"ciphertext":"{ciphertext}","IV":"{iv}","hmac":"{hmac}","more":[{{}}]}}"#),
        format!(r#"{{"ciphertext":"no","ciphertext":"{ciphertext}","IV":"{iv}","hmac":"{hmac}"}}"#),
        format!(
            r#"{{"ciphertext":"{ciphertext}","IV":"{iv}","hmac":"{}"}}"#,
            hmac.to_uppercase()
        ),
    ] {
        assert!(open(&bundle, &form, "a").is_ok(), "{form}");
        assert!(open_by_batch(&bundle, &form, "a").is_ok(), "{form}");
    }
    for (form, error) in [
        (
            format!(
                r#"{{"ciphertext":"{ciphertext}","IV":"{iv}","hmac":"0x{}"}}"#,
                &hmac[..62]
            ),
            PayloadError::HmacMismatch,
        ),
        (
            format!(r#"{{"ciphertext":"{ciphertext}","IV":"{iv}","hmac":""}}"#),
            PayloadError::HmacMismatch,
        ),
        (
            format!(r#"{{"ciphertext":"","IV":"{iv}","hmac":"{hmac}"}}"#),
            PayloadError::HmacMismatch,
        ),
        (
            format!(r#"{{"ciphertext":"{ciphertext}","IV":"","hmac":"{hmac}"}}"#),
            PayloadError::MalformedPayload,
        ),
        (
            format!(r#"{{"ciphertext":"{ciphertext}","IV":7,"hmac":"{hmac}"}}"#),
            PayloadError::MalformedPayload,
        ),
        (
            format!(r#"{{"ciphertext":"{ciphertext}","IV":"{iv}","hmac":"{hmac}"}} x"#),
            PayloadError::MalformedPayload,
        ),
        (
            format!(r#"{{"ciphertext":"{ciphertext}","IV":"{iv}","hmac":"{hmac}",}}"#),
            PayloadError::MalformedPayload,
        ),
    ] {
        assert_eq!(open(&bundle, &form, "a").err(), Some(error), "{form}");
        assert_eq!(open_by_batch(&bundle, &form, "a"), Err(error), "{form}");
    }
}

#[test]
fn escapes_in_the_inner_id_are_resolved() {
    for (cleartext, verdict) in [
        (r#"{"id":"a"}"#, Ok(true)),
        (r#" {"x":{"id":"b"},"id":"\u0061"} "#, Ok(true)),
        (r#"{"id":"b","id":"a"}"#, Ok(true)),
        (r#"{"id":"a","id":"b"}"#, Err(PayloadError::IdMismatch)),
        (r#"{"id":"A"}"#, Err(PayloadError::IdMismatch)),
        (r#"{"id":7}"#, Err(PayloadError::MalformedCleartext)),
        (r#"{"x":{"id":"b"}}"#, Ok(false)),
        ("{}", Ok(false)),
        (r#"{"deleted":true}"#, Ok(false)),
        (r#"{"id":"a","x":"\ud83e"}"#, Ok(true)),
        (r#"{"\udd8a":1}"#, Ok(false)),
        (r#"{"id":"a\ud83e"}"#, Err(PayloadError::IdMismatch)),
        (r#"[{"id":"a"}]"#, Err(PayloadError::MalformedCleartext)),
        (r#"{"id":"a"},"#, Err(PayloadError::MalformedCleartext)),
        ("", Err(PayloadError::MalformedCleartext)),
    ] {
        assert_eq!(
            check_cleartext(cleartext.as_bytes(), "a").map(|checked| checked.has_id),
            verdict,
            "{cleartext}"
        );
    }
}

#[test]
fn too_deep_nesting_is_distinguished_from_invalid_json() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth) + "1", "]".repeat(depth));
        format!(r#"{{"id":"a","x":{open}{close}}}"#)
    };
    let check = |text: String| check_cleartext(text.as_bytes(), "a").map(|checked| checked.has_id);
    assert_eq!(check(nested(127)), Ok(true));
    assert_eq!(check(nested(128)), Err(PayloadError::TooDeep));
    assert_eq!(check(nested(100_000)), Err(PayloadError::TooDeep));
}

#[test]
fn nothing_is_sealed_without_random_bytes() {
    let bundle = KeyBundle::new([1; 32], [2; 32]);
    assert_eq!(
        seal(&bundle, &FixedRandom(Vec::new()), "{}"),
        Err(RandomError)
    );
    let mut sealer = Sealer::new(&bundle, RustCrypto::new(&bundle));
    sealer.add("a", "{}", None, None);
    assert!(pollster::block_on(sealer.seal(&FixedRandom(Vec::new()))).is_err());
    assert_eq!(sealer.records(), 0);
}

/// A record of a test: usually valid, sometimes damaged.
#[derive(Debug, Clone)]
struct Sample {
    text: String,
    damage: Option<(prop::sample::Index, u8)>,
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    let sample = (".{0,120}", damage).prop_map(|(text, damage)| Sample { text, damage });
    prop::collection::vec(sample, 0..30)
}

proptest! {
    #[test]
    fn the_batch_gives_the_same_results_as_single_records(keys: [u8; 32], samples in samples(), random in prop::collection::vec(any::<u8>(), 480)) {
        let bundle = KeyBundle::new(keys, keys);
        let mut sealer = Sealer::new(&bundle, RustCrypto::new(&bundle));
        let mut opener = Opener::new(&bundle, RustCrypto::new(&bundle));
        let cleartexts: Vec<String> = samples.iter().enumerate()
            .map(|(n, sample)| serde_json::json!({"id": format!("record {n}"), "text": sample.text}).to_string())
            .collect();
        // Two rounds, because the second batch reuses the buffers of the first one.
        for _ in 0..2 {
            for (n, cleartext) in cleartexts.iter().enumerate() {
                sealer.add(&format!("record {n}"), cleartext, Some(-3), None);
            }
            let sealed = pollster::block_on(sealer.seal(&FixedRandom(random.clone()))).unwrap();
            let mut expected = Vec::new();
            for ((record, sample), (n, iv)) in sealed.records().zip(&samples).zip(random.as_chunks::<16>().0.iter().enumerate()) {
                let bso: serde_json::Value = serde_json::from_slice(record.bso).unwrap();
                prop_assert_eq!(&bso["sortindex"], -3);
                let mut payload = bso["payload"].as_str().unwrap().to_string();
                prop_assert_eq!(&payload, &encrypt(&bundle, iv, cleartexts[n].as_bytes()));
                if let Some((at, byte)) = sample.damage {
                    let mut bytes = payload.into_bytes();
                    let at = at.index(bytes.len());
                    bytes[at] = byte & 0x7f;
                    payload = String::from_utf8(bytes).unwrap();
                }
                let line = serde_json::json!({"id": record.id, "modified": 1.5, "payload": payload}).to_string() + "\n";
                let mut decoder = Decoder::new(Format::Newlines, 1 << 20);
                decoder.push(line.as_bytes());
                opener.add(&decoder.next_record().unwrap().unwrap().unwrap());
                expected.push(open(&bundle, &payload, record.id).map(|text| text.to_string()));
            }
            prop_assert_eq!(opener.records(), samples.len());
            let opened = pollster::block_on(opener.open()).unwrap();
            let found: Vec<_> = opened.records().map(|record| record.cleartext.map(ToString::to_string)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_payload_makes_open_panic(payload in ".*", quoted in "\\{(\"(ciphertext|IV|hmac)\":\"[A-Za-z0-9+/=]{0,70}\",?){0,4}\\}") {
        let bundle = KeyBundle::new([1; 32], [2; 32]);
        for payload in [payload, quoted] {
            prop_assert!(open(&bundle, &payload, "a").is_err());
            prop_assert_eq!(open_by_batch(&bundle, &payload, "a").err(), open(&bundle, &payload, "a").err());
        }
    }

    #[test]
    fn no_cleartext_makes_the_check_panic(bytes: Vec<u8>) {
        let _ = check_cleartext(&bytes, "a");
    }
}
