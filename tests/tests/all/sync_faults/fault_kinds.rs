//! The kinds of faults of a request.

use std::time::Duration;

use selvedge_tests::{Canned, Fault};

const fn canned(status: u16, body: &'static str) -> Canned {
    Canned {
        status,
        header: None,
        body,
    }
}

const fn wait(status: u16) -> Canned {
    Canned {
        status,
        header: Some(("Retry-After", "2")),
        body: "0",
    }
}

/// Faults of the network, of the server and of proxies.
pub(crate) const KINDS: &[(&str, Fault)] = &[
    ("request lost", Fault::LostRequest),
    ("reply lost", Fault::LostReply),
    ("head cut", Fault::CutHead),
    ("body cut", Fault::CutBody),
    ("late", Fault::Delay(Duration::from_millis(40))),
    ("sent twice", Fault::Duplicate),
    ("400 code 8", Fault::Instead(canned(400, "8"))),
    ("400 over quota", Fault::Instead(canned(400, "14"))),
    ("400 upgrade needed", Fault::Instead(canned(400, "16"))),
    ("400 too much", Fault::Instead(canned(400, "17"))),
    ("401", Fault::Instead(canned(401, "0"))),
    ("403 over quota", Fault::Instead(canned(403, "14"))),
    ("404", Fault::Instead(canned(404, "0"))),
    ("409", Fault::Instead(wait(409))),
    ("412", Fault::Instead(canned(412, "0"))),
    ("413", Fault::Instead(canned(413, "0"))),
    ("429", Fault::Instead(wait(429))),
    ("500", Fault::Instead(canned(500, "\"error\""))),
    ("502", Fault::Instead(canned(502, "<html></html>"))),
    ("503", Fault::Instead(wait(503))),
    ("504", Fault::Instead(canned(504, "<html></html>"))),
    ("513", Fault::Instead(canned(513, "0"))),
    (
        "200 with nonsense",
        Fault::Instead(canned(200, "<html></html>")),
    ),
    ("done, but 412", Fault::Afterwards(canned(412, "0"))),
    ("done, but 503", Fault::Afterwards(wait(503))),
    (
        "done, but 504",
        Fault::Afterwards(canned(504, "<html></html>")),
    ),
    ("asked to back off", Fault::Header("X-Weave-Backoff", "2")),
    (
        "closed",
        Fault::Header("X-Weave-Alert", r#"{"code":"hard-eol","message":"closed"}"#),
    ),
];
