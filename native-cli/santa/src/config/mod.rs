//! A machine's configuration: `santa.toml`, whose keys are those of Santa's own configuration, and a table `[selvedge]` for
//! what Linux needs besides.
//!
//! ```text
//! known        every setting, with its type, its default and its meaning
//! keys         typed reading; a key that nobody knows is named, with the one that is meant
//! read         which keys there are, and what they mean
//! trust        pinned roots, the client certificate
//! proxy, push  their tables
//! secret_file  files that hold secrets, and who may read them
//! ```

mod keys;
pub mod known;
mod proxy;
mod push;
mod read;
mod secret_file;
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

/// A configuration file is smaller.
const MAX_BYTES: u64 = 4 << 20;

/// What an administrator has set for this machine. Every file that it names has been read: nothing of it is needed any more
/// when privileges are dropped.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// What is to be said of it: unknown keys, files that everybody may read.
    pub warnings: Vec<String>,
    /// `SyncBaseURL`.
    pub base_url: Option<String>,
    /// `MachineID`, or what `selvedge.machine_id_file` holds.
    pub machine_id: Option<String>,
    /// `MachineOwner`.
    pub owner: String,
    /// `MachineOwnerGroups`.
    pub owner_groups: Vec<String>,
    /// What the machine sets itself where its server sets nothing: `ClientMode`, `EnableBundles`, `AllowedPathRegex`, ….
    pub own: Settings,
    /// `SyncEnableProtoTransfer`.
    pub form: Form,
    /// `SyncClientContentEncoding`.
    pub encoding: Encoding,
    /// `SyncExtraHeaders`.
    pub extra_headers: ExtraHeaders,
    /// `SyncProxyConfiguration`.
    pub proxy: Option<ProxySettings>,
    /// `SyncEnableCleanSyncEventUpload`; Santa's default is not to upload.
    pub uploads_on_clean: bool,
    /// `ServerAuthRootsFile` or `ServerAuthRootsData`: nobody else is trusted then.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// `ClientAuthCertificateFile`.
    pub identity: Option<ClientIdentity>,
    /// `StaticRules`: configured here, counted, not in the hash, never touched by a server.
    pub static_rules: Vec<Rule>,
    /// `EnablePushNotifications`.
    pub push_enabled: bool,
    /// `AllowedSantaCommands`; all when it is not set.
    pub allowed_commands: Option<Vec<String>>,
    /// `[selvedge.push]`.
    pub nats: Option<NatsSettings>,
    /// `[selvedge.fcm]`.
    pub fcm: Option<FcmSettings>,
    /// The version of Santa that servers are told.
    pub santa_version: String,
    /// Whether the mode STANDALONE may be taken and told.
    pub allows_standalone: bool,
    /// Where the daemon listens, if not in its usual place.
    pub socket: Option<PathBuf>,
    /// The group that may use the socket, by name.
    pub socket_group: Option<String>,
    /// The user id of the agent.
    pub agent_uid: Option<u32>,
    /// Whom the daemon becomes when root starts it.
    pub user: Option<String>,
    /// By how many per cent the time between two syncs is longer or shorter by chance.
    pub spread_percent: u32,
    /// No more rules are taken in one sync.
    pub most_rules: usize,
    /// Logs that a server may ask for.
    pub log_files: Vec<PathBuf>,
    /// Whether they may go to another host than the server's.
    pub logs_to_any_host: bool,
    /// All logs together have no more bytes.
    pub most_log_bytes: usize,
}

/// What is wrong with a configuration, or with a file that it names.
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
    /// Reads a place's configuration, or the one in `path`. Where a place has none, nothing is set.
    ///
    /// # Errors
    /// When the file cannot be read, when a value is not what it should be, and when it or a file that it names holds what it
    /// must not show.
    pub fn load(paths: &Paths, path: Option<&Path>) -> Result<Self> {
        let is_chosen = path.is_some();
        let path = path.map_or_else(|| paths.config_path(), Path::to_owned);
        let (text, is_for_everybody) = match read_text(&path) {
            Ok(read) => read,
            Err(error) if !is_chosen && error.kind() == std::io::ErrorKind::NotFound => {
                (String::new(), false)
            }
            Err(error) => return Err(HostError::file(&path)(error)),
        };
        Self::parse(&path, &text, is_for_everybody)
    }

    /// Reads a file that need not be of this machine.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(path: &Path) -> Result<Self> {
        let (text, is_for_everybody) = read_text(path).map_err(HostError::file(path))?;
        Self::parse(path, &text, is_for_everybody)
    }

    /// Reads a configuration's text. `path` is for messages.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str, is_for_everybody: bool) -> Result<Self> {
        let bad = |detail: String| HostError::BadFile {
            path: path.to_owned(),
            detail,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The library's own display quotes the line, which may hold a secret.
            let at = error.span().map_or(0, |span| span.start);
            let line = text
                .get(..at)
                .map_or(0, |before| before.matches('\n').count())
                + 1;
            bad(format!("it is no TOML, line {line}: {}", error.message()))
        })?;
        read::config(path, &table, is_for_everybody).map_err(|fault| match fault {
            Fault::Table(problem) => bad(problem),
            Fault::File(error) => error,
        })
    }

    /// How requests are made, for a machine of this id.
    ///
    /// # Errors
    /// When there is no base URL, when it is not https, and when there is no id.
    pub fn connection(&self, machine_id: &str) -> Result<Connection, BadAddress> {
        let address = Address::new(self.base_url.as_deref().unwrap_or_default(), machine_id)?;
        Ok(Connection {
            form: self.form,
            encoding: self.encoding,
            extra_headers: self.extra_headers.clone(),
            ..Connection::new(address, env!("CARGO_PKG_VERSION"))
        })
    }

    /// What the machine says of itself.
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

    /// Where the daemon listens.
    #[must_use]
    pub fn socket_path(&self, paths: &Paths) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| paths.socket_path())
    }
}

fn read_text(path: &Path) -> std::io::Result<(String, bool)> {
    use std::io::Read as _;

    let file = std::fs::File::open(path)?;
    let is_for_everybody = secret_file::is_for_everybody(&file.metadata()?);
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(std::io::Error::other("it is larger than 4 MiB")),
        false => Ok((text, is_for_everybody)),
    }
}
