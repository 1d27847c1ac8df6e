//! Sign-in with a Mozilla account, or with an account of a compatible server (`docs/protocol/accounts-api.md`).
//!
//! [`login`](login()) proves the password without sending it, [`verify`] answers the second factor, and [`connect`]
//! turns the verified session into [`Credentials`](super::Credentials) and [`Kept`], the secrets that change. Before a
//! sync, [`access`](access()) renews the access token if it is due. [`devices`] and [`device_commands`] are for the
//! account's other devices.

mod access;
mod auth_server;
mod connect;
mod device;
pub mod device_commands;
pub mod devices;
mod discovery;
mod ece;
mod kept;
mod login;
mod oauth;
mod oauth_client;
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
pub use oauth_client::{DEFAULT_CLIENT_ID, SYNC_SCOPE};
pub use onepw::{Rounds, Stretch};
pub use problem::{AccountError, Problem};
pub use session::{SessionState, account_exists, resend_code, session_state, sign_out, verify};
pub use state::{AccountState, Event};
