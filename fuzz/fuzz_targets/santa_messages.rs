//! Any line on the daemon's socket and any push message: nothing may panic, and no command is accepted without the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_santa::ipc::{Caller, Lines, call_line, read_answer, read_call};
use selvedge_santa::push::{CommandKey, Gate, HmacScheme, Subject, read_blob, subjects};
use selvedge_santa::{Address, Endpoint, ExtraHeaders};

fuzz_target!(|input: (&[u8], &str, u64)| {
    let (bytes, text, now) = input;
    let mut lines = Lines::default();
    lines.push(bytes);
    while let Ok(Some(line)) = lines.next_line() {
        for caller in [Caller::Agent, Caller::Operator] {
            if let Ok(incoming) = read_call(&line, caller) {
                let again = call_line(&incoming.id, &incoming.call);
                assert!(read_call(&again, caller).is_ok());
            }
        }
        let _any = read_answer(&line);
    }
    for scheme in [HmacScheme::Message, HmacScheme::Parts] {
        let key = CommandKey::new(b"a secret test key".to_vec());
        assert!(Gate::new(key, scheme, None).judge(bytes, now).is_err());
    }
    let _any = (
        read_blob(bytes, text),
        Subject::Tag(text.into()).message(bytes),
    );
    for subject in subjects([text], text) {
        assert!(!subject.as_str().contains(['*', '>', ' ', '\r', '\n']));
    }
    if let Ok(address) = Address::new("https://sync.example.net/v1", text) {
        let url = address.url(Endpoint::Preflight);
        assert_eq!(url.matches('/').count(), 5, "{url}");
    }
    let _any = (Address::new(text, "M"), ExtraHeaders::new([(text, text)]));
});
