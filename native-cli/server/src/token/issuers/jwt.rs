//! JWT access tokens (RFC 9068). The algorithm is fixed: whatever the header says, only RS256 is verified.

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;

use super::holder::OLDSYNC;
use super::jwks::PublicKey;

/// Longer tokens are refused unread.
const MAX_TOKEN: usize = 8192;

/// A token that has the form of a JWT access token. Nothing in it is trustworthy before [`Unverified::verify`].
#[derive(Debug)]
pub(crate) struct Unverified<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    payload: Vec<u8>,
    /// The id of the key that it claims to be signed with.
    pub(crate) key_id: Option<String>,
    /// The issuer that it claims to come from.
    pub(crate) issuer: Option<String>,
}

/// The claims of a token with a valid signature.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    /// The issuer.
    pub(crate) iss: String,
    /// The person.
    pub(crate) sub: String,
    /// The scopes, separated by blanks.
    #[serde(default)]
    pub(crate) scope: String,
    /// The second in which it expires.
    pub(crate) exp: u64,
    /// Its id.
    #[serde(default)]
    pub(crate) jti: String,
    /// The client that it was issued to.
    #[serde(default)]
    pub(crate) client_id: String,
    #[serde(default)]
    aud: Audience,
    #[serde(default, rename = "fxa-generation")]
    /// When the password was last set, in milliseconds.
    pub(crate) generation: Option<u64>,
    #[serde(default)]
    /// The person's address.
    pub(crate) email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

/// Why the claims of a token are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimError {
    /// It has another issuer.
    Issuer,
    /// It has expired.
    Expired,
    /// It is not for the storage.
    Scope,
    /// It is for another audience than the configured one.
    Audience,
    /// It names nobody.
    Subject,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct IssuerOnly {
    #[serde(default)]
    iss: Option<String>,
}

impl<'a> Unverified<'a> {
    /// Reads a token. None for what is not a JWT access token with RS256.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        (token.len() <= MAX_TOKEN).then_some(())?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = Base64UrlUnpadded::decode_vec(header).ok()?;
        let header: Header = serde_json::from_slice(&header).ok()?;
        let typ = header.typ?.to_ascii_lowercase();
        let is_access_token = typ.strip_prefix("application/").unwrap_or(&typ) == "at+jwt";
        // An extension that must be understood is none that this server understands (RFC 7515 §4.1.11).
        (header.alg == "RS256" && is_access_token && header.crit.is_none()).then_some(())?;
        let payload = Base64UrlUnpadded::decode_vec(payload).ok()?;
        let claimed: IssuerOnly = serde_json::from_slice(&payload).ok()?;
        Some(Self {
            signed,
            signature: Base64UrlUnpadded::decode_vec(signature).ok()?,
            payload,
            key_id: header.kid,
            issuer: claimed.iss,
        })
    }

    /// The claims, if one of the keys signed the token. All keys are tried: not every issuer names the key.
    pub(crate) fn verify(&self, keys: &[PublicKey]) -> Option<Claims> {
        let is_signed = keys.iter().any(|key| {
            let key = RsaPublicKeyComponents {
                n: &key.n,
                e: &key.e,
            };
            key.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                self.signed.as_bytes(),
                &self.signature,
            )
            .is_ok()
        });
        is_signed.then_some(())?;
        serde_json::from_slice(&self.payload).ok()
    }
}

impl Claims {
    /// Checks what the signature does not: issuer, time, scope, and the audience where one is configured.
    pub(super) fn check(
        &self,
        issuer: &str,
        audience: Option<&str>,
        now: u64,
    ) -> Result<(), ClaimError> {
        if self.iss.trim_end_matches('/') != issuer {
            return Err(ClaimError::Issuer);
        }
        if self.exp <= now {
            return Err(ClaimError::Expired);
        }
        if !self
            .scope
            .split_ascii_whitespace()
            .any(|one| one == OLDSYNC)
        {
            return Err(ClaimError::Scope);
        }
        if audience.is_some_and(|audience| !self.is_for(audience)) {
            return Err(ClaimError::Audience);
        }
        if self.sub.is_empty() || self.sub.len() > 256 {
            return Err(ClaimError::Subject);
        }
        Ok(())
    }

    fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Audience::One(one) => one == audience,
            Audience::Many(many) => many.iter().any(|one| one == audience),
            Audience::None => false,
        }
    }

    /// The audience, for the log.
    pub(super) fn audience(&self) -> String {
        match &self.aud {
            Audience::One(one) => one.clone(),
            Audience::Many(many) => many.join(", "),
            Audience::None => "none".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        format!("{}.{}.{}", encode(header), encode(payload), encode("sig"))
    }

    #[test]
    fn only_access_tokens_with_rs256_are_read() {
        for (header, read) in [
            (r#"{"alg":"RS256","typ":"at+jwt"}"#, true),
            (r#"{"alg":"RS256","typ":"at+JWT","kid":"k"}"#, true),
            (r#"{"alg":"RS256","typ":"application/at+jwt"}"#, true),
            (r#"{"alg":"RS256","typ":"JWT"}"#, false),
            (r#"{"alg":"RS256"}"#, false),
            (r#"{"alg":"none","typ":"at+jwt"}"#, false),
            (r#"{"alg":"HS256","typ":"at+jwt"}"#, false),
            (r#"{"alg":"RS256","typ":"at+jwt","crit":["x"]}"#, false),
            ("7", false),
        ] {
            let token = token(header, r#"{"iss":"https://a.example"}"#);
            assert_eq!(Unverified::parse(&token).is_some(), read, "{header}");
        }
        for text in ["", ".", "..", "a.b.c", &"a".repeat(64), &"a.".repeat(5000)] {
            assert!(Unverified::parse(text).is_none());
        }
    }

    #[test]
    fn claims_are_checked_one_by_one() {
        let base = |change: &dyn Fn(&mut serde_json::Value)| -> Claims {
            let mut claims = serde_json::json!({
                "iss": "https://a.example", "sub": "u", "exp": 1000, "scope": OLDSYNC, "aud": "x"
            });
            change(&mut claims);
            serde_json::from_value(claims).unwrap()
        };
        let set = |name: &'static str, value: serde_json::Value| {
            move |claims: &mut serde_json::Value| claims[name] = value.clone()
        };
        for (claims, audience, expected) in [
            (base(&|_| ()), None, Ok(())),
            (base(&|_| ()), Some("x"), Ok(())),
            (base(&|_| ()), Some("y"), Err(ClaimError::Audience)),
            (
                base(&set("aud", serde_json::json!(["z", "y"]))),
                Some("y"),
                Ok(()),
            ),
            (
                base(&set("iss", "https://b.example".into())),
                None,
                Err(ClaimError::Issuer),
            ),
            (
                base(&set("exp", 999.into())),
                None,
                Err(ClaimError::Expired),
            ),
            (
                base(&set("scope", "profile".into())),
                None,
                Err(ClaimError::Scope),
            ),
            (
                base(&set("scope", format!("{OLDSYNC}/more").into())),
                None,
                Err(ClaimError::Scope),
            ),
            (
                base(&set("scope", format!("profile {OLDSYNC}").into())),
                None,
                Ok(()),
            ),
            (base(&set("sub", "".into())), None, Err(ClaimError::Subject)),
        ] {
            assert_eq!(
                claims.check("https://a.example", audience, 999),
                expected,
                "{claims:?}"
            );
        }
    }
}
