//! Why the authentication of a request failed, for the log and the reply. No text contains a secret.

use std::fmt;

/// The reason of a 401.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AuthError {
    /// There is no `Authorization` header.
    NoHeader,
    /// The header is of another scheme, or malformed.
    Malformed,
    /// The token was issued with another master secret, or changed.
    UnknownToken,
    /// The signature is valid for another address of the server.
    OtherAddress {
        /// The address that the client signed.
        signed: String,
        /// The address that this server expects.
        expected: String,
    },
    /// The signature is valid for no address.
    WrongSignature,
    /// The clocks are more than 52 weeks apart.
    Skew {
        /// The request's time, in seconds.
        sent: u64,
        /// The server's.
        now: u64,
        /// The MAC over the server's time under the token's key.
        timestamp_mac: String,
    },
    /// The same request was received before.
    Replayed,
    /// The token has expired.
    Expired,
    /// The token belongs to another user than the path.
    OtherUser,
    /// The body is not the signed one.
    OtherBody,
    /// The name is unknown, the password is wrong, or the path has another name (1.1).
    WrongPassword,
    /// The user's storage is on another server (1.1).
    OtherNode,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => f.write_str("no Authorization header"),
            Self::Malformed => f.write_str("malformed Authorization header, or another scheme"),
            Self::UnknownToken => {
                f.write_str("unknown token, made with another master secret or changed")
            }
            Self::OtherAddress { signed, expected } => write!(
                f,
                "signed for {signed}, but this server expects {expected}; behind a reverse proxy, start it with \
                 --public-url"
            ),
            Self::WrongSignature => f.write_str(
                "wrong signature, made with another key, or host, port, path or query changed on the way",
            ),
            Self::Skew { sent, now, .. } => {
                write!(f, "timestamp {sent} is more than 52 weeks off {now}")
            }
            Self::Replayed => f.write_str("replayed request"),
            Self::Expired => f.write_str("expired token"),
            Self::OtherUser => f.write_str("token of another user than the one in the path"),
            Self::OtherBody => f.write_str("the body is not the signed one"),
            Self::WrongPassword => f.write_str("unknown user or wrong password"),
            Self::OtherNode => f.write_str("the storage of this user is on another server"),
        }
    }
}

impl AuthError {
    /// `WWW-Authenticate` for a client that signs with Hawk.
    #[must_use]
    pub(super) fn challenge(&self) -> String {
        match self {
            Self::NoHeader => "Hawk".to_owned(),
            Self::Skew {
                now, timestamp_mac, ..
            } => format!("Hawk ts=\"{now}\", tsm=\"{timestamp_mac}\", error=\"Stale timestamp\""),
            _ => format!("Hawk error=\"{self}\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_the_reason_and_the_servers_time_where_the_clock_is_wrong() {
        for (error, challenge) in [
            (AuthError::NoHeader, "Hawk"),
            (AuthError::Expired, "Hawk error=\"expired token\""),
            (AuthError::Replayed, "Hawk error=\"replayed request\""),
            (
                AuthError::Skew {
                    sent: 5,
                    now: 1_700_000_000,
                    timestamp_mac: "AAAA".into(),
                },
                "Hawk ts=\"1700000000\", tsm=\"AAAA\", error=\"Stale timestamp\"",
            ),
        ] {
            assert_eq!(error.challenge(), challenge);
        }
        let other = AuthError::OtherAddress {
            signed: "https://a.example".into(),
            expected: "http://127.0.0.1:8090".into(),
        };
        for part in ["https://a.example", "http://127.0.0.1:8090", "--public-url"] {
            assert!(other.to_string().contains(part), "{other}");
        }
    }
}
