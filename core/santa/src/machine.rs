//! The properties that a machine reports to its server.

use alloc::string::String;
use alloc::vec::Vec;

use super::wire::{ClientMode, PreflightResponse, Token};

/// The properties that a machine reports to its server. Empty ones are omitted.
///
/// ```
/// use selvedge_santa::Machine;
///
/// let machine = Machine { serial_number: "C0FFEE01".into(), ..Machine::default() };
/// assert_eq!(machine.hostname, "");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// Its serial number, else its id: servers require one.
    pub serial_number: String,
    /// Its name.
    pub hostname: String,
    /// The system's version: integers and dots.
    pub os_version: String,
    /// The system's build: servers require one.
    pub os_build: String,
    /// Its model.
    pub model_identifier: String,
    /// The version of Santa that this client is compatible with: servers decide by it which data they send.
    pub santa_version: String,
    /// The user of the machine.
    pub primary_user: String,
    /// The groups of its user.
    pub primary_user_groups: Vec<String>,
    /// The token for push messages to it; empty without push.
    pub push_token: Token,
    /// The mode that its own configuration sets.
    pub client_mode: Option<ClientMode>,
    /// Whether it may be in the mode STANDALONE, which not every server knows. If not, LOCKDOWN is used instead.
    pub allows_standalone: bool,
}

impl Machine {
    /// The mode, replaced if this machine must not be in it.
    #[must_use]
    pub(super) fn permitted(&self, mode: ClientMode) -> ClientMode {
        match mode {
            ClientMode::Standalone if !self.allows_standalone => ClientMode::Lockdown,
            mode => mode,
        }
    }

    /// The mode that a server sets, if this machine replaces it with another one.
    #[must_use]
    pub(super) fn replaced(&self, response: &PreflightResponse) -> Option<ClientMode> {
        let set = response.client_mode?;
        (self.permitted(set) != set).then_some(set)
    }
}
