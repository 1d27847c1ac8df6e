//! Any Authorization header and any URL: nothing may panic, and every signed request must verify.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_core::crypto::hawk::{Credentials, Header, Key, authorization};

fuzz_target!(|input: (&str, &str, &str, u64)| {
    let (header, url, nonce, ts) = input;
    let key = Key::from_text("key");
    if let Ok(header) = Header::parse(header) {
        assert!(!header.verify(&Key::from_text("another"), "GET", url, nonce, 443));
        let _ = header.is_payload(url, nonce.as_bytes());
    }
    let credentials = Credentials {
        id: "id".into(),
        key,
    };
    if let Ok(value) = authorization(&credentials, "GET", url, ts, nonce, None, None)
        && let Ok(header) = Header::parse(&value)
    {
        assert_eq!((header.ts, header.nonce), (ts, nonce));
    }
});
