//! The token server: who gets a storage token, and the secrets by which that is decided. Requests and replies are in `http`.

pub mod announcement;
mod error;
mod grant;
pub(crate) mod issuers;
pub(crate) mod local_token;
pub(crate) mod master_secret_file;
mod registration;
mod secret;
mod storage_token;

pub(crate) use self::error::TokenError;
pub(crate) use self::grant::{GrantRequest, Issuer, MAX_DURATION};
pub use self::local_token::local_token_of;
pub(crate) use self::registration::{Admission, admission, register};
pub(crate) use self::secret::{hash_secret, make_secret};
pub use self::storage_token::{Claims, MasterSecret, Minted, Verified};
