//! Members of request bodies.

use serde_json::Value;
use zeroize::Zeroizing;

use super::error::ApiError;

/// A text.
pub(super) fn text<'a>(body: &'a Value, name: &'static str) -> Result<&'a str, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Err(ApiError::Missing(name)),
        Some(value) => value.as_str().ok_or(ApiError::Invalid(name)),
    }
}

/// A text that may be missing.
pub(super) fn optional<'a>(
    body: &'a Value,
    name: &'static str,
) -> Result<Option<&'a str>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Ok(Some(value.as_str().ok_or(ApiError::Invalid(name))?)),
    }
}

/// 32 bytes in hex.
pub(super) fn key(body: &Value, name: &'static str) -> Result<Zeroizing<[u8; 32]>, ApiError> {
    decode(text(body, name)?).ok_or(ApiError::Invalid(name))
}

/// 32 bytes in hex.
pub(super) fn decode(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    const_hex::decode_to_slice(text, &mut *bytes).ok()?;
    (text.len() == 64).then_some(bytes)
}

/// An e-mail address, or a plain name.
pub(super) fn email(body: &Value) -> Result<&str, ApiError> {
    let email = text(body, "email")?;
    let is_valid = (1..=255).contains(&email.len())
        && !email.contains(|c: char| c.is_control() || c.is_whitespace());
    if is_valid {
        Ok(email)
    } else {
        Err(ApiError::Invalid("email"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_missing_or_invalid() {
        for (body, email_is, key_is) in [
            (
                json!({"email": "a@b.example", "k": "0a".repeat(32)}),
                Ok("a@b.example"),
                Ok(()),
            ),
            (
                json!({}),
                Err(ApiError::Missing("email")),
                Err(ApiError::Missing("k")),
            ),
            (
                json!({"email": 7, "k": "0a"}),
                Err(ApiError::Invalid("email")),
                Err(ApiError::Invalid("k")),
            ),
            (
                json!({"email": "a b", "k": "0x".repeat(32)}),
                Err(ApiError::Invalid("email")),
                Err(ApiError::Invalid("k")),
            ),
            (
                json!({"email": "a".repeat(256), "k": format!("0x{}", "0a".repeat(32))}),
                Err(ApiError::Invalid("email")),
                Err(ApiError::Invalid("k")),
            ),
        ] {
            assert_eq!(email(&body), email_is);
            assert_eq!(key(&body, "k").map(|_| ()), key_is);
        }
    }
}
