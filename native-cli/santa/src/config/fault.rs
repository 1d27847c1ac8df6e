//! Why a configuration is refused.

use selvedge_host::exit::HostError;

use super::keys;

/// An error in the configuration or in a file that it names.
pub(super) enum Fault {
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
