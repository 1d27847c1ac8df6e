//! The values of a configuration.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use selvedge_santa::wire::Form;
use selvedge_santa::{
    Address, BadAddress, Connection, Encoding, ExtraHeaders, Machine, Rule, Settings,
};

use super::proxy::ProxySettings;
use super::push::{FcmSettings, NatsSettings};
use super::trust::ClientIdentity;
use crate::host_info::HostInfo;
use crate::paths::Paths;

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

impl Config {
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
