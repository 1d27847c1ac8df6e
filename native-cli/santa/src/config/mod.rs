//! The configuration of a machine: `santa.toml` with the keys of Santa's configuration, and a table `[selvedge]` for
//! additional settings.
//!
//! ```text
//! settings      all settings with type, default and meaning
//! keys          typed access to keys; reports unknown keys with the most similar known key
//! read          parses all keys
//! static_rules  the rules of StaticRules
//! trust         trusted root certificates, the client certificate
//! proxy, push   their tables
//! secret_file   files with secrets, and their permissions
//! ```

mod keys;
mod proxy;
mod push;
mod read;
mod secret_file;
pub mod settings;
mod static_rules;
#[cfg(test)]
mod tests;
mod trust;

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use selvedge_santa::wire::Form;
use selvedge_santa::{
    Address, BadAddress, Connection, Encoding, ExtraHeaders, Machine, Rule, Settings,
};

pub(super) use self::keys::nearest;
use super::host_info::HostInfo;
use super::paths::Paths;
use selvedge_host::exit::{HostError, Result};

pub use proxy::ProxySettings;
pub use push::{FcmSettings, NatsSettings};
pub(super) use read::is_dotted;
pub use trust::ClientIdentity;

/// Maximum size of a configuration file.
const MAX_BYTES: u64 = 4 << 20;

/// The configuration of this machine. All files that it names have been read, so they need not be readable after
/// privileges are dropped.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// Warnings, for example about unknown keys or world-readable files.
    pub warnings: Vec<String>,
    /// `SyncBaseURL`.
    pub base_url: Option<String>,
    /// `MachineID`, or the content of `selvedge.machine_id_file`.
    pub machine_id: Option<String>,
    /// `MachineOwner`.
    pub owner: String,
    /// `MachineOwnerGroups`.
    pub owner_groups: Vec<String>,
    /// Settings that apply unless the server sets them: `ClientMode`, `EnableBundles`, `AllowedPathRegex`, ….
    pub own: Settings,
    /// `SyncEnableProtoTransfer`.
    pub form: Form,
    /// `SyncClientContentEncoding`.
    pub encoding: Encoding,
    /// `SyncExtraHeaders`.
    pub extra_headers: ExtraHeaders,
    /// `SyncProxyConfiguration`.
    pub proxy: Option<ProxySettings>,
    /// `SyncEnableCleanSyncEventUpload`. The default is true; Santa's default is false.
    pub uploads_on_clean: bool,
    /// `ServerAuthRootsFile` or `ServerAuthRootsData`: the only trusted roots.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// `ClientAuthCertificateFile`.
    pub identity: Option<ClientIdentity>,
    /// `StaticRules`: counted, but not part of the rules hash, and not changed by servers.
    pub static_rules: Vec<Rule>,
    /// `EnablePushNotifications`.
    pub push_enabled: bool,
    /// `AllowedSantaCommands`; all when it is not set.
    pub allowed_commands: Option<Vec<String>>,
    /// `[selvedge.push]`.
    pub nats: Option<NatsSettings>,
    /// `[selvedge.fcm]`.
    pub fcm: Option<FcmSettings>,
    /// The version of Santa that is reported to servers.
    pub santa_version: String,
    /// Whether the mode STANDALONE is accepted and reported.
    pub allows_standalone: bool,
    /// The path of the daemon's socket, if not the default.
    pub socket: Option<PathBuf>,
    /// The name of the group that may use the socket.
    pub socket_group: Option<String>,
    /// The user id of the agent.
    pub agent_uid: Option<u32>,
    /// The user to which a daemon started as root switches.
    pub user: Option<String>,
    /// The random variation of the time between two syncs, in percent.
    pub spread_percent: u32,
    /// Maximum number of rules in one sync.
    pub max_rules: usize,
    /// Log files that a server may request.
    pub log_files: Vec<PathBuf>,
    /// Whether they may be uploaded to a host other than the server's.
    pub logs_to_any_host: bool,
    /// Maximum total size of the logs in bytes.
    pub max_log_bytes: usize,
}

/// An error in the configuration or in a file that it names.
enum Fault {
    Table(keys::Problem),
    File(HostError),
}

impl From<keys::Problem> for Fault {
    fn from(problem: keys::Problem) -> Self {
        Self::Table(problem)
    }
}

impl From<HostError> for Fault {
    fn from(error: HostError) -> Self {
        Self::File(error)
    }
}

impl Config {
    /// Reads the configuration of `path`, or the default one of `paths`. A missing default file counts as empty.
    ///
    /// # Errors
    /// When the file cannot be read, when a value is invalid, and when a world-readable file contains a secret.
    pub fn load(paths: &Paths, path: Option<&Path>) -> Result<Self> {
        let is_chosen = path.is_some();
        let path = path.map_or_else(|| paths.config_path(), Path::to_owned);
        let (text, is_world_readable) = match read_text(&path) {
            Ok(read) => read,
            Err(error) if !is_chosen && error.kind() == std::io::ErrorKind::NotFound => {
                (String::new(), false)
            }
            Err(error) => return Err(HostError::file(&path)(error)),
        };
        Self::parse(&path, &text, is_world_readable)
    }

    /// Reads a configuration file, which may belong to another machine.
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn read(path: &Path) -> Result<Self> {
        let (text, is_world_readable) = read_text(path).map_err(HostError::file(path))?;
        Self::parse(path, &text, is_world_readable)
    }

    /// Parses the text of a configuration. `path` is for messages.
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn parse(path: &Path, text: &str, is_world_readable: bool) -> Result<Self> {
        let bad = |detail: String| HostError::BadFile {
            path: path.to_owned(),
            detail,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The library's `Display` quotes the line, which may contain a secret.
            let at = error.span().map_or(0, |span| span.start);
            let line = text
                .get(..at)
                .map_or(0, |before| before.matches('\n').count())
                + 1;
            bad(format!("invalid TOML in line {line}: {}", error.message()))
        })?;
        read::config(path, &table, is_world_readable).map_err(|fault| match fault {
            Fault::Table(problem) => bad(problem),
            Fault::File(error) => error,
        })
    }

    /// The connection settings for a machine with this id.
    ///
    /// # Errors
    /// When the base URL is missing or is not https, and when the id is missing.
    pub fn connection(&self, machine_id: &str) -> Result<Connection, BadAddress> {
        let address = Address::new(self.base_url.as_deref().unwrap_or_default(), machine_id)?;
        Ok(Connection {
            form: self.form,
            encoding: self.encoding,
            extra_headers: self.extra_headers.clone(),
            ..Connection::new(address, env!("CARGO_PKG_VERSION"))
        })
    }

    /// The facts about the machine for the server.
    #[must_use]
    pub fn machine(&self, machine_id: &str, host_info: &HostInfo) -> Machine {
        let serial = host_info.serial_number.clone();
        Machine {
            serial_number: serial.unwrap_or_else(|| machine_id.into()),
            hostname: host_info.hostname.clone(),
            os_version: host_info.os_version.clone(),
            os_build: host_info.os_build.clone(),
            model_identifier: host_info.model.clone().unwrap_or_default(),
            santa_version: self.santa_version.clone(),
            primary_user: self.owner.clone(),
            primary_user_groups: self.owner_groups.clone(),
            client_mode: self.own.client_mode,
            allows_standalone: self.allows_standalone,
            ..Machine::default()
        }
    }

    /// The path of the daemon's socket.
    #[must_use]
    pub fn socket_path(&self, paths: &Paths) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| paths.socket_path())
    }
}

fn read_text(path: &Path) -> std::io::Result<(String, bool)> {
    use std::io::Read as _;

    let file = std::fs::File::open(path)?;
    let is_world_readable = secret_file::is_world_readable(&file.metadata()?);
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        Err(std::io::Error::other(
            "it is larger than the maximum of 4 MiB",
        ))
    } else {
        Ok((text, is_world_readable))
    }
}
