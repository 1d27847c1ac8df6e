//! Errors of a failed sync. The exit status is the number that Santa's own program uses.

use selvedge_host::exit::{Exit, HostError};
use selvedge_santa::Status;

/// The error code that marks failed syncs among other errors.
const CODE: &str = "santa";

/// The error of a sync that ended with `status`.
#[must_use]
pub fn sync_failure(status: Status, message: impl Into<String>) -> HostError {
    HostError::Numbered {
        number: status.number(),
        exit: match status {
            Status::TooManySyncs => Exit::Conflict,
            Status::NoServer | Status::NoMachineId => Exit::Usage,
            Status::Agent => Exit::Storage,
            _ => Exit::Failed,
        },
        code: CODE,
        message: message.into(),
    }
}

/// The status of an error that [`sync_failure`] created.
#[must_use]
pub fn failed_status(error: &HostError) -> Option<Status> {
    match error {
        HostError::Numbered { number, code, .. } if *code == CODE => {
            Some(Status::from_number(u64::from(*number)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_status() {
        for status in Status::ALL {
            assert_eq!(failed_status(&sync_failure(status, "x")), Some(status));
        }
        assert_eq!(failed_status(&HostError::InUse), None);
    }
}
