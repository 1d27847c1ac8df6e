//! WebCrypto's AES for batches gives the same results as Rust's.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use js_sys::Date;
use selvedge_core::bso::{Decoder, Format, Opener, Sealer};
use selvedge_core::crypto::{KeyBundle, RustCrypto};
use selvedge_core::host::{Cbc, Random, RandomError};
use selvedge_wasm::HostCbc;
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Pseudo-random numbers (xorshift): a failure prints the seed that reproduces them.
struct PseudoRandom(std::cell::Cell<u64>);

impl PseudoRandom {
    fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        x
    }

    fn below(&self, bound: u64) -> usize {
        (self.next() % bound) as usize
    }
}

impl Random for PseudoRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill_with(|| self.next() as u8);
        Ok(())
    }
}

fn cleartexts(random: &PseudoRandom) -> Vec<(String, String)> {
    (0..random.below(200))
        .map(|n| {
            let length = if random.below(20) == 0 { 40_000 } else { 700 };
            let text = "x".repeat(random.below(length));
            let id = format!("record-{n}");
            let cleartext = format!(r#"{{"id":"{id}","text":"{text}"}}"#);
            (id, cleartext)
        })
        .collect()
}

async fn sealed(
    cbc: impl Cbc,
    bundle: &KeyBundle,
    records: &[(String, String)],
    random: &PseudoRandom,
) -> Vec<u8> {
    let mut sealer = Sealer::new(bundle, cbc);
    for (id, cleartext) in records {
        sealer.add(id, cleartext, None, None);
    }
    let sealed = sealer.seal(random).await.unwrap();
    let mut body = Vec::new();
    for record in sealed.records() {
        body.extend_from_slice(record.bso.strip_suffix(b"}").unwrap());
        body.extend_from_slice(b",\"modified\":1.5}\n");
    }
    body
}

async fn opened(
    cbc: impl Cbc,
    bundle: &KeyBundle,
    body: &[u8],
) -> Vec<(String, Result<String, String>)> {
    let mut opener = Opener::new(bundle, cbc);
    let mut decoder = Decoder::new(Format::Newlines, 1 << 20);
    decoder.push(body);
    while let Some(record) = decoder.next_record().unwrap() {
        opener.add(&record.unwrap());
    }
    let opened = opener.open().await.unwrap();
    let read = |text: Result<&str, _>| text.map(Into::into).map_err(|error| format!("{error:?}"));
    opened
        .records()
        .map(|record| (record.id.into(), read(record.cleartext)))
        .collect()
}

#[test]
async fn each_implementation_decrypts_records_of_the_other() {
    let seed = Date::now() as u64 | 1;
    let random = PseudoRandom(seed.into());
    for _ in 0..20 {
        let bundle = KeyBundle::make(&random).unwrap();
        let (web, rust) = (
            HostCbc::new(bundle.encryption_key()),
            RustCrypto::new(&bundle),
        );
        let records = cleartexts(&random);
        let expected: Vec<_> = records
            .iter()
            .map(|(id, cleartext)| (id.clone(), Ok(cleartext.clone())))
            .collect();
        let bodies = [
            sealed(web.clone(), &bundle, &records, &random).await,
            sealed(rust.clone(), &bundle, &records, &random).await,
        ];
        for body in &bodies {
            assert_eq!(
                opened(web.clone(), &bundle, body).await,
                expected,
                "seed {seed}"
            );
            assert_eq!(
                opened(rust.clone(), &bundle, body).await,
                expected,
                "seed {seed}"
            );
        }
    }
}

#[test]
async fn an_invalid_padding_of_the_last_record_does_not_fail_the_batch() {
    let key = [7; 32];
    let random = PseudoRandom(1.into());
    let mut sealed = vec![0; 64 * 1024];
    random.fill(&mut sealed).unwrap();
    // Random bytes rarely end in a valid padding: WebCrypto refuses the whole batch.
    let (mut by_web, mut by_rust) = (sealed.clone(), sealed);
    HostCbc::new(&key).decrypt(&mut by_web).await.unwrap();
    RustCrypto::with_key(&key)
        .decrypt(&mut by_rust)
        .await
        .unwrap();
    assert!(by_web[16..] == by_rust[16..]);
}

#[test]
async fn ivs_are_never_the_same() {
    let random = PseudoRandom((Date::now() as u64 | 1).into());
    let bundle = KeyBundle::make(&random).unwrap();
    let records = vec![
        (
            "a".to_owned(),
            format!(r#"{{"id":"a","text":"{}"}}"#, "x".repeat(64 * 1024))
        );
        2
    ];
    let body = sealed(
        HostCbc::new(bundle.encryption_key()),
        &bundle,
        &records,
        &random,
    )
    .await;
    let text = String::from_utf8(body).unwrap();
    let mut lines = text.lines();
    assert_ne!(lines.next().unwrap(), lines.next().unwrap());
}
