//! Authentication by name and password, in the dialect 1.1 (spec §1.13).

use axum::http::{header, request::Parts};
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::app::App;
use super::auth_error::AuthError;
use super::reply::Refusal;
use crate::model::{Node, Uid};

/// Longer headers are refused.
const HEADER_BYTES: usize = 8192;

/// The user of a request, if it is the user in its path and has a node here.
pub(super) async fn authenticate(parts: &Parts, app: &App) -> Result<Uid, Refusal> {
    let denied = |error| Err(Refusal::Unauthorized(error));
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
        return denied(AuthError::NoHeader);
    };
    let Some((username, password)) = value.to_str().ok().and_then(name_and_password) else {
        return denied(AuthError::Malformed);
    };
    if user_in(parts.uri.path()) != Some(username.as_str()) {
        return denied(AuthError::WrongPassword);
    }
    let user = app.storage.accounts.user(username).await?;
    let is_right = match &user {
        Some(user) => {
            app.passwords
                .check(user.uid, &user.password, password)
                .await
        }
        None => app.passwords.check_unknown(password).await,
    };
    match (user, is_right?) {
        // A client whose storage is elsewhere must ask for its node (spec §3.10).
        (Some(user), true) if user.node == Node::Here => Ok(user.uid),
        (Some(_), true) => denied(AuthError::OtherNode),
        _ => denied(AuthError::WrongPassword),
    }
}

/// The user in `/1.1/<username>/…`.
fn user_in(path: &str) -> Option<&str> {
    path.strip_prefix("/1.1/")?.split('/').next()
}

fn name_and_password(header: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > HEADER_BYTES {
        return None;
    }
    let decoded = Zeroizing::new(Base64::decode_vec(encoded.trim()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_password() {
        let header = |text: &str| format!("Basic {}", Base64::encode_string(text.as_bytes()));
        let rows = [
            (header("alice:secret"), Some(("alice", "secret"))),
            (header("alice:a:b"), Some(("alice", "a:b"))),
            (header("alice:wörd"), Some(("alice", "wörd"))),
            (header("alice:"), Some(("alice", ""))),
            (header("alice").to_lowercase(), None),
            (header("alice"), None),
            ("Basic ???".into(), None),
            ("Hawk id=\"x\"".into(), None),
            (String::new(), None),
            (header(&"x".repeat(HEADER_BYTES)), None),
        ];
        for (value, expected) in rows {
            let found = name_and_password(&value);
            let found = found.as_ref().map(|(name, word)| (&**name, &***word));
            assert_eq!(found, expected, "{value:.40}");
        }
    }

    #[test]
    fn the_user_is_the_one_in_the_path() {
        for (path, user) in [
            ("/1.1/alice/info/collections", Some("alice")),
            ("/1.1/alice", Some("alice")),
            ("/1.5/7/info/collections", None),
        ] {
            assert_eq!(user_in(path), user, "{path}");
        }
    }
}
