//! Any text as a server timestamp: nothing may panic, and the printed form must parse to the same time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_core::time::ServerTime;

fuzz_target!(|text: &str| {
    for time in [
        ServerTime::parse(text),
        ServerTime::parse_json(text.as_bytes()),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(ServerTime::parse(&time.to_string()), Ok(time));
    }
});
