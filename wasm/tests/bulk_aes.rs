//! The host's AES in bulk gives what Rust's gives, whatever the batch.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use js_sys::Date;
use selvedge_core::bso::{Decoder, Format, Opener, Sealer};
use selvedge_core::crypto::{KeyBundle, RustCrypto};
use selvedge_core::host::{Cbc, Random, RandomError};
use selvedge_wasm::HostCbc;
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Numbers that only look random (xorshift): a failure names the seed that draws them again.
struct Drawn(std::cell::Cell<u64>);

impl Drawn {
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

impl Random for Drawn {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill_with(|| self.next() as u8);
        Ok(())
    }
}

fn cleartexts(drawn: &Drawn) -> Vec<(String, String)> {
    (0..drawn.below(200))
        .map(|n| {
            let length = if drawn.below(20) == 0 { 40_000 } else { 700 };
            let text = "x".repeat(drawn.below(length));
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
    drawn: &Drawn,
) -> Vec<u8> {
    let mut sealer = Sealer::new(bundle, cbc);
    for (id, cleartext) in records {
        sealer.add(id, cleartext, None, None);
    }
    let sealed = sealer.seal(drawn).await.unwrap();
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
async fn both_open_what_either_has_sealed() {
    let seed = Date::now() as u64 | 1;
    let drawn = Drawn(seed.into());
    for _ in 0..20 {
        let bundle = KeyBundle::make(&drawn).unwrap();
        let (web, rust) = (
            HostCbc::new(bundle.encryption_key()),
            RustCrypto::new(&bundle),
        );
        let records = cleartexts(&drawn);
        let expected: Vec<_> = records
            .iter()
            .map(|(id, cleartext)| (id.clone(), Ok(cleartext.clone())))
            .collect();
        let bodies = [
            sealed(web.clone(), &bundle, &records, &drawn).await,
            sealed(rust.clone(), &bundle, &records, &drawn).await,
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
async fn the_last_record_may_be_padded_wrongly() {
    let key = [7; 32];
    let drawn = Drawn(1.into());
    let mut sealed = vec![0; 64 * 1024];
    drawn.fill(&mut sealed).unwrap();
    // Random bytes hardly ever end in a padding: WebCrypto refuses them as a whole.
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
    let drawn = Drawn((Date::now() as u64 | 1).into());
    let bundle = KeyBundle::make(&drawn).unwrap();
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
        &drawn,
    )
    .await;
    let text = String::from_utf8(body).unwrap();
    let mut lines = text.lines();
    assert_ne!(lines.next().unwrap(), lines.next().unwrap());
}
