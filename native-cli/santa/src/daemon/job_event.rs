//! A running sync, and what jobs send to the event loop.

use selvedge_host::exit::Result;
use selvedge_santa::{Error, Job, Report, Stage};
use tokio::task::AbortHandle;

/// The running sync.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) number: u64,
    pub(super) job: Job,
    pub(super) task: AbortHandle,
}

/// An event of a job that the loop has started.
#[derive(Debug)]
pub(super) enum JobEvent {
    /// The sync with this number has reached a stage.
    Stage(u64, Stage),
    /// The sync with this number has ended.
    Ended(u64, Box<Result<Report>>),
    /// An immediate upload failed.
    UploadFailed(Error),
}
