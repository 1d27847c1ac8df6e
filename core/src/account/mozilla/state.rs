//! The state of an account on a device (`docs/protocol/firefox-sync.md` §1.12), as a pure machine.

use super::login::Verification;
use super::problem::Problem;

/// How far a device is in its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// No account.
    SignedOut,
    /// The password is being checked.
    Authenticating,
    /// The second factor is missing.
    Unverified(Verification),
    /// Signed in; the keys are missing.
    NeedsKeys,
    /// Ready to sync.
    Connected,
    /// The tokens are refused: records stay, and no sync runs until the person signs in again.
    AuthIssues,
}

/// What happens to an account on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A login begins.
    Login,
    /// The server accepts the password.
    Accepted(Option<Verification>),
    /// The second factor is right.
    Verified,
    /// Keys and tokens are stored.
    Keys,
    /// The server refuses.
    Refused(Problem),
    /// The account was deleted.
    Destroyed,
    /// The person signs out.
    SignOut,
}

impl AccountState {
    /// The state after an event. Records on the device are never removed by one.
    ///
    /// ```
    /// use selvedge_core::account::mozilla::{AccountState, Event, Problem};
    ///
    /// let refused = Event::Refused(Problem::SessionEnded);
    /// assert_eq!(AccountState::Connected.after(&refused), AccountState::AuthIssues);
    /// ```
    #[must_use]
    pub const fn after(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::SignOut | Event::Destroyed) => Self::SignedOut,
            (_, Event::Login) => Self::Authenticating,
            (Self::Authenticating, Event::Accepted(Some(method))) => Self::Unverified(*method),
            (Self::Authenticating, Event::Accepted(None))
            | (Self::Unverified(_), Event::Verified) => Self::NeedsKeys,
            (Self::NeedsKeys, Event::Keys) => Self::Connected,
            (Self::Connected, Event::Refused(problem)) if ends_access(problem) => Self::AuthIssues,
            (Self::Unverified(_) | Self::NeedsKeys, Event::Refused(Problem::SessionEnded))
            | (Self::Authenticating, Event::Refused(_)) => Self::SignedOut,
            (state, _) => state,
        }
    }
}

/// Whether only a new sign-in helps.
const fn ends_access(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::SessionEnded
            | Problem::GrantEnded
            | Problem::MustReset
            | Problem::SessionUnverified
            | Problem::SecondFactorNeeded
            | Problem::StaleSignIn
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        use AccountState::{
            AuthIssues, Authenticating, Connected, NeedsKeys, SignedOut, Unverified,
        };
        let totp = Verification::Totp;
        let refused = Event::Refused;
        let rows = [
            (SignedOut, Event::Login, Authenticating),
            (SignedOut, Event::Keys, SignedOut),
            (
                Authenticating,
                Event::Accepted(Some(totp)),
                Unverified(totp),
            ),
            (Authenticating, Event::Accepted(None), NeedsKeys),
            (Authenticating, refused(Problem::WrongPassword), SignedOut),
            (Unverified(totp), Event::Verified, NeedsKeys),
            (
                Unverified(totp),
                refused(Problem::WrongCode),
                Unverified(totp),
            ),
            (Unverified(totp), refused(Problem::SessionEnded), SignedOut),
            (Unverified(totp), Event::Keys, Unverified(totp)),
            (NeedsKeys, Event::Keys, Connected),
            (
                NeedsKeys,
                refused(Problem::Busy { retry_after: None }),
                NeedsKeys,
            ),
            (NeedsKeys, refused(Problem::SessionEnded), SignedOut),
            (Connected, refused(Problem::SessionEnded), AuthIssues),
            (Connected, refused(Problem::GrantEnded), AuthIssues),
            (Connected, refused(Problem::MustReset), AuthIssues),
            (
                Connected,
                refused(Problem::ServerFailed { status: 500 }),
                Connected,
            ),
            (Connected, refused(Problem::BotChallenge), Connected),
            (Connected, Event::Destroyed, SignedOut),
            (Connected, Event::SignOut, SignedOut),
            (Connected, Event::Login, Authenticating),
            (AuthIssues, Event::Login, Authenticating),
            (AuthIssues, Event::Destroyed, SignedOut),
            (AuthIssues, refused(Problem::SessionEnded), AuthIssues),
        ];
        for (state, event, expected) in rows {
            assert_eq!(state.after(&event), expected, "{state:?} {event:?}");
        }
    }
}
