//! Sign-in with a Mozilla account, or with an account of a compatible server (`docs/protocol/accounts-api.md`).
//!
//! [`login`](login()) proves the password without sending it, [`verify`] answers the second factor, and [`connect`]
//! turns the verified session into [`Credentials`](super::Credentials) and [`Kept`], the secrets that change. Before a
//! sync, [`access`](access()) renews the access token if it is due. [`devices`] and [`device_commands`] are for the
//! account's other devices.

mod access;
mod auth_server;
mod connect;
pub mod device_commands;
pub mod devices;
mod discovery;
mod ece;
mod kept;
mod login;
mod oauth;
mod onepw;
mod problem;
mod scoped_keys;
mod session;
mod state;
mod tokens;

pub use access::access;
pub use auth_server::{AuthServer, Scheme};
pub use connect::connect;
pub use discovery::{MOZILLA, Servers, discover};
pub use kept::{Kept, KeptError};
pub use login::{Login, Verification, login, send_unblock_code};
pub use onepw::{Rounds, Stretch};
pub use problem::{AccountError, Problem};
pub use session::{SessionState, account_exists, resend_code, session_state, sign_out, verify};
pub use state::{AccountState, Event};

/// The client id of Firefox for desktops: Mozilla has no registration for other programs, so that this is the default.
pub const DEFAULT_CLIENT_ID: &str = "5882386c6d801776";

/// The OAuth scope of Sync's storage.
pub const SYNC_SCOPE: &str = "https://identity.mozilla.com/apps/oldsync";
