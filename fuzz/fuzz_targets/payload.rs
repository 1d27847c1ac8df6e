//! Any payload and any cleartext: the batch must give the same results as the single call, and nothing may panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_core::bso::{Decoder, Format, Opener, Outgoing};
use selvedge_core::crypto::payload::{self, PayloadError};
use selvedge_core::crypto::{KeyBundle, RustCrypto};

fn open_by_batch(bundle: &KeyBundle, text: &str) -> Result<String, PayloadError> {
    let mut line = Vec::new();
    Outgoing {
        id: "a",
        payload: Some(text),
        sortindex: None,
        ttl: None,
    }
    .append_to(&mut line);
    line.pop();
    line.extend_from_slice(b",\"modified\":1}\n");
    let mut decoder = Decoder::new(Format::Newlines, 1 << 24);
    decoder.push(&line);
    let envelope = decoder
        .next_record()
        .expect("it is a line")
        .expect("it is whole")
        .expect("it is sound");
    let mut opener = Opener::new(bundle, RustCrypto::new(bundle));
    opener.add(&envelope);
    let opened = pollster::block_on(opener.open()).expect("Rust's AES does not fail");
    let record = opened.records().next().expect("there is one record");
    record.cleartext.map(str::to_owned)
}

fuzz_target!(|input: (&str, &[u8], [u8; 16])| {
    let (text, cleartext, iv) = input;
    let bundle = KeyBundle::new([1; 32], [2; 32]);
    let sealed = payload::encrypt(&bundle, &iv, cleartext);
    for text in [text, &sealed] {
        let opened = payload::open(&bundle, text, "a").map(|text| text.to_string());
        assert_eq!(open_by_batch(&bundle, text), opened);
    }
    assert_eq!(
        payload::decrypt(&bundle, &sealed)
            .as_deref()
            .map(Vec::as_slice),
        Ok(cleartext)
    );
});
