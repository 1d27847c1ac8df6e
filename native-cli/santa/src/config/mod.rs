//! The configuration of a machine: `santa.toml` with the keys of Santa's configuration, and a table `[selvedge]` for
//! additional settings.
//!
//! ```text
//! settings      all settings with type, default and meaning
//! keys          typed access to keys; reports unknown keys with the most similar known key
//! load          reads the file
//! read          parses all keys
//! model         the values
//! static_rules  the rules of StaticRules
//! trust         trusted root certificates, the client certificate
//! proxy, push   their tables
//! secret_file   files with secrets, and their permissions
//! ```

mod fault;
mod keys;
mod load;
mod model;
mod proxy;
mod push;
mod read;
mod secret_file;
pub mod settings;
mod static_rules;
#[cfg(test)]
mod tests;
mod trust;

pub(super) use keys::nearest;
pub use model::Config;
pub use proxy::ProxySettings;
pub use push::{FcmSettings, NatsSettings};
pub use trust::ClientIdentity;
