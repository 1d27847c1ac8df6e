//! May a sync start now? (spec §4.2)
//!
//! ```text
//! no account ───────────────→ SignedOut
//! switched off ─────────────→ SwitchedOff
//! the server has closed ────→ Closed        (only for an automatic sync)
//! the host knows: no network → Offline
//! now < backoff, hard ──────→ Wait          (soft: only for an automatic sync)
//! secrets are locked ───────→ Locked
//! account is being set up ──→ SettingUp
//! the host is stopping ─────→ ShuttingDown
//! another sync is running ──→ Running       (it is followed by this one)
//! else ─────────────────────→ go
//! ```

use crate::server::Backoff;
use crate::time::LocalTime;

/// The known facts before any request is sent.
///
/// ```
/// use selvedge_core::sync::{Situation, precheck};
///
/// assert_eq!(precheck(&Situation::default()), Ok(()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The account exists, with credentials and a sync key.
    pub is_signed_in: bool,
    /// The user has not switched syncing off.
    pub is_switched_on: bool,
    /// The host has not reported that the network is missing.
    pub is_online: bool,
    /// The local stores and the secrets can be read.
    pub is_unlocked: bool,
    /// The account is still being set up (`firstSync` is "not ready").
    pub is_setting_up: bool,
    /// The host is about to stop.
    pub is_shutting_down: bool,
    /// Another sync of this account is running.
    pub is_running: bool,
    /// The program's version, if the user allows the server's operators to learn it: it is sent at most once a day.
    pub tells_version: Option<&'static str>,
    /// A person requested this sync: a soft backoff is ignored, a hard one never.
    pub is_asked_for: bool,
    /// Now, by the local clock.
    pub now: LocalTime,
    /// Until when the server requests no traffic.
    pub backoff: Backoff,
    /// The server has reported that it is closed permanently.
    pub is_closed: bool,
}

impl Default for Situation {
    fn default() -> Self {
        Self {
            is_signed_in: true,
            is_switched_on: true,
            is_online: true,
            is_unlocked: true,
            is_setting_up: false,
            is_shutting_down: false,
            is_running: false,
            tells_version: None,
            is_asked_for: false,
            now: LocalTime::default(),
            backoff: Backoff::default(),
            is_closed: false,
        }
    }
}

/// Why no sync starts now.
///
/// ```
/// use selvedge_core::sync::Obstacle;
///
/// assert_eq!(Obstacle::Offline.to_string(), "there is no network: connect, then sync again");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// The account is missing.
    #[error("there is no account here: join one first")]
    SignedOut,
    /// The user has switched syncing off.
    #[error("syncing is switched off: switch it on first")]
    SwitchedOff,
    /// The server reported that it is closed permanently.
    #[error(
        "this server has been closed for good: move to another one, or ask for a sync to try it once more"
    )]
    Closed,
    /// The network is missing.
    #[error("there is no network: connect, then sync again")]
    Offline,
    /// The server requested a pause.
    #[error("the server asked to be left alone for a while: sync again later")]
    Wait {
        /// Until then, by the local clock.
        until: LocalTime,
    },
    /// A password is missing.
    #[error("the local store is locked: unlock it, then sync again")]
    Locked,
    /// The account is not ready.
    #[error("the account is being set up: sync again when that is done")]
    SettingUp,
    /// The host is stopping.
    #[error("the program is stopping")]
    ShuttingDown,
    /// Only one sync may run at a time.
    #[error("another sync of this account is running: wait for it to end")]
    Running,
}

/// Decides whether a sync may start, in the order of the spec.
///
/// # Errors
/// The first [`Obstacle`].
pub fn precheck(situation: &Situation) -> Result<(), Obstacle> {
    let Situation { backoff, now, .. } = *situation;
    let until = if situation.is_asked_for {
        backoff.hard
    } else {
        backoff.until()
    };
    if !situation.is_signed_in {
        Err(Obstacle::SignedOut)
    } else if !situation.is_switched_on {
        Err(Obstacle::SwitchedOff)
    } else if situation.is_closed && !situation.is_asked_for {
        Err(Obstacle::Closed)
    } else if !situation.is_online {
        Err(Obstacle::Offline)
    } else if let Some(until) = until.filter(|until| now < *until) {
        Err(Obstacle::Wait { until })
    } else if !situation.is_unlocked {
        Err(Obstacle::Locked)
    } else if situation.is_setting_up {
        Err(Obstacle::SettingUp)
    } else if situation.is_shutting_down {
        Err(Obstacle::ShuttingDown)
    } else if situation.is_running {
        Err(Obstacle::Running)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row_in_the_order_of_the_spec() {
        let now = LocalTime::from_millis(1000);
        let later = LocalTime::from_millis(2000);
        let go = Situation {
            now,
            ..Situation::default()
        };
        let soft = Backoff {
            soft: Some(later),
            hard: None,
        };
        let hard = Backoff {
            soft: None,
            hard: Some(later),
        };
        let over = Backoff {
            soft: Some(now),
            hard: Some(LocalTime::from_millis(1)),
        };
        let wait = Err(Obstacle::Wait { until: later });
        let rows = [
            ("nothing in the way", go, Ok(())),
            (
                "no account",
                Situation {
                    is_signed_in: false,
                    ..go
                },
                Err(Obstacle::SignedOut),
            ),
            (
                "switched off",
                Situation {
                    is_switched_on: false,
                    ..go
                },
                Err(Obstacle::SwitchedOff),
            ),
            (
                "closed",
                Situation {
                    is_closed: true,
                    ..go
                },
                Err(Obstacle::Closed),
            ),
            (
                "closed, asked for",
                Situation {
                    is_closed: true,
                    is_asked_for: true,
                    ..go
                },
                Ok(()),
            ),
            (
                "no network",
                Situation {
                    is_online: false,
                    ..go
                },
                Err(Obstacle::Offline),
            ),
            (
                "soft backoff",
                Situation {
                    backoff: soft,
                    ..go
                },
                wait,
            ),
            (
                "soft backoff, asked for",
                Situation {
                    backoff: soft,
                    is_asked_for: true,
                    ..go
                },
                Ok(()),
            ),
            (
                "hard backoff",
                Situation {
                    backoff: hard,
                    ..go
                },
                wait,
            ),
            (
                "hard backoff, asked for",
                Situation {
                    backoff: hard,
                    is_asked_for: true,
                    ..go
                },
                wait,
            ),
            (
                "backoff is over",
                Situation {
                    backoff: over,
                    ..go
                },
                Ok(()),
            ),
            (
                "locked",
                Situation {
                    is_unlocked: false,
                    ..go
                },
                Err(Obstacle::Locked),
            ),
            (
                "being set up",
                Situation {
                    is_setting_up: true,
                    ..go
                },
                Err(Obstacle::SettingUp),
            ),
            (
                "stopping",
                Situation {
                    is_shutting_down: true,
                    ..go
                },
                Err(Obstacle::ShuttingDown),
            ),
            (
                "running",
                Situation {
                    is_running: true,
                    ..go
                },
                Err(Obstacle::Running),
            ),
            (
                "the first obstacle counts",
                Situation {
                    is_signed_in: false,
                    is_online: false,
                    is_running: true,
                    ..go
                },
                Err(Obstacle::SignedOut),
            ),
        ];
        for (name, situation, expected) in rows {
            assert_eq!(precheck(&situation), expected, "{name}");
        }
    }
}
