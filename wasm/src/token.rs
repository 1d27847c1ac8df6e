//! The storage token between two starts of a program: sealed under the account's key, it stands with the records, so that
//! a worker that is started again need not ask the token server as long as the token lasts.

use selvedge_core::account::{Credentials, Token};
use selvedge_core::crypto::payload;
use selvedge_core::json;
use selvedge_core::reconcile::Fields;
use selvedge_core::sync::KeptToken;
use selvedge_core::time::LocalTime;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::host::SystemRandom;

/// What is sealed, as a record is.
#[derive(Serialize)]
struct Sealed<'a> {
    id: &'a str,
    received: LocalTime,
    token: Wire<'a>,
}

/// The token as a token server writes it.
#[derive(Serialize)]
struct Wire<'a> {
    api_endpoint: &'a str,
    id: &'a str,
    key: &'a str,
    uid: u64,
    duration: u64,
}

/// What it is sealed as. Nothing else under the account's key has such an id, and with other credentials it is another one.
fn id(credentials: &Credentials) -> String {
    let kid = credentials.kid.as_deref().unwrap_or_default();
    ["storage-token", credentials.server(), kid].join(" ")
}

/// Seals a token. `None` when that cannot be done: then it is not kept.
pub(crate) fn seal(credentials: &Credentials, kept: &KeptToken) -> Option<String> {
    let KeptToken { token, received } = kept;
    let sealed = Sealed {
        id: &id(credentials),
        received: *received,
        token: Wire {
            api_endpoint: &token.api_endpoint,
            id: &token.id,
            key: &token.key,
            uid: token.uid,
            duration: token.duration,
        },
    };
    let text = Zeroizing::new(json::to_string(&sealed).ok()?);
    payload::seal(&credentials.sync_key, &SystemRandom, &text).ok()
}

/// Opens what was sealed, if it is of these credentials and still lasts.
pub(crate) fn open(credentials: &Credentials, sealed: &str, now: LocalTime) -> Option<KeptToken> {
    let text = payload::open(&credentials.sync_key, sealed, &id(credentials)).ok()?;
    let fields = Fields::parse(&text).ok()?;
    let received = json::from_str(fields.get("received")?).ok()?;
    let token = Token::from_json(fields.get("token")?.as_bytes()).ok()?;
    let kept = KeptToken { token, received };
    kept.is_fresh(now).then_some(kept)
}
