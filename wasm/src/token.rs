//! Stores the storage token between two runs of a program, encrypted with the account's key, beside the records: a restarted
//! worker does not have to request a new token until it expires.

use selvedge_core::account::{Credentials, Token};
use selvedge_core::crypto::payload;
use selvedge_core::json;
use selvedge_core::reconcile::Fields;
use selvedge_core::sync::KeptToken;
use selvedge_core::time::LocalTime;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::host::SystemRandom;

/// The cleartext that is encrypted, in the form of a record.
#[derive(Serialize)]
struct Sealed<'a> {
    id: &'a str,
    received: LocalTime,
    token: Wire<'a>,
}

/// The token in the form of a token server's response.
#[derive(Serialize)]
struct Wire<'a> {
    api_endpoint: &'a str,
    id: &'a str,
    key: &'a str,
    uid: u64,
    duration: u64,
}

/// The record id of the encrypted token. Nothing else that is encrypted with the account's key has such an id, and other
/// credentials have another one.
fn id(credentials: &Credentials) -> String {
    let kid = credentials.kid.as_deref().unwrap_or_default();
    ["storage-token", credentials.server(), kid].join(" ")
}

/// Encrypts a token. `None` if that fails: the token is not stored then.
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

/// Decrypts a token, if it belongs to these credentials and is not expired.
pub(crate) fn open(credentials: &Credentials, sealed: &str, now: LocalTime) -> Option<KeptToken> {
    let text = payload::open(&credentials.sync_key, sealed, &id(credentials)).ok()?;
    let fields = Fields::parse(&text).ok()?;
    let received = json::from_str(fields.get("received")?).ok()?;
    let token = Token::from_json(fields.get("token")?.as_bytes()).ok()?;
    let kept = KeptToken { token, received };
    kept.is_fresh(now).then_some(kept)
}
