//! The straightforward pipeline for comparison: every JSON text is a `Value`, every record has its own key setup, every
//! step a new buffer.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use selvedge_core::crypto::KeyBundle;
use selvedge_core::host::Random;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::sample::{Counting, Sample};

fn mac(bundle: &KeyBundle, text: &str) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(bundle.hmac_key())
        .expect("HMAC accepts keys of any length")
        .chain_update(text)
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().expect("it is a string")
}

pub(crate) fn decode(bundle: &KeyBundle, body: &[u8]) -> usize {
    let body = std::str::from_utf8(body).expect("it is UTF-8");
    let mut members = 0;
    for line in body.lines() {
        let envelope: Value = serde_json::from_str(line).expect("the envelope is JSON");
        let payload: Value =
            serde_json::from_str(text(&envelope, "payload")).expect("the payload is JSON");
        let ciphertext = text(&payload, "ciphertext");
        let expected = const_hex::decode(text(&payload, "hmac")).expect("the MAC is hex");
        mac(bundle, ciphertext)
            .verify_slice(&expected)
            .expect("the MAC is right");
        let iv = BASE64
            .decode(text(&payload, "IV"))
            .expect("the IV is base64");
        let ciphertext = BASE64.decode(ciphertext).expect("the ciphertext is base64");
        let cleartext = cbc::Decryptor::<Aes256>::new_from_slices(bundle.encryption_key(), &iv)
            .expect("the lengths are right")
            .decrypt_padded_vec::<Pkcs7>(&ciphertext)
            .expect("the padding is right");
        let record: Value = serde_json::from_slice(&cleartext).expect("the cleartext is JSON");
        assert_eq!(record["id"], envelope["id"]);
        members += std::hint::black_box(&record)
            .as_object()
            .map_or(0, |object| object.len());
    }
    members
}

pub(crate) fn encode(bundle: &KeyBundle, samples: &[Sample], body: &mut Vec<u8>) {
    let bsos: Vec<Value> = samples
        .iter()
        .map(|sample| {
            let mut iv = [0; 16];
            Counting.fill(&mut iv).expect("the host has random bytes");
            let ciphertext =
                cbc::Encryptor::<Aes256>::new(bundle.encryption_key().into(), &iv.into())
                    .encrypt_padded_vec::<Pkcs7>(sample.cleartext.as_bytes());
            let ciphertext = BASE64.encode(ciphertext);
            let hmac = const_hex::encode(mac(bundle, &ciphertext).finalize().into_bytes());
            let payload = json!({"ciphertext": ciphertext, "IV": BASE64.encode(iv), "hmac": hmac});
            json!({"id": sample.id, "payload": payload.to_string(), "ttl": 5_184_000})
        })
        .collect();
    *body = serde_json::to_vec(&bsos).expect("values are JSON");
}
