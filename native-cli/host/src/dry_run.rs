//! A store that reads and only pretends to write.

use selvedge_core::host::{Commit, Committed, Store, StoreError};

/// Reads another store; its commits are done in word only. For `--dry-run`.
#[derive(Debug)]
pub struct DryRunStore<S>(pub S);

impl<S: Store> Store for DryRunStore<S> {
    selvedge_core::delegate_reads!(0);

    async fn commit(&self, _: Commit) -> Result<Committed, StoreError> {
        Ok(Committed::Done)
    }
}
