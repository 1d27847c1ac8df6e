//! The end of a case: all devices sync until nothing is left to do, and then have the same records.

use std::collections::BTreeSet;

use proptest::prop_assert;
use proptest::test_runner::TestCaseError;
use selvedge_core::host::{Clock as _, Store as _};
use selvedge_core::journal;
use selvedge_core::sync::{Ending, Wish};

use crate::convergence::devices::{Devices, fields, notes};
use crate::convergence::faulty_host::FaultyHost;

/// Maximum number of rounds of syncs.
const ROUNDS: usize = 8;

impl Devices<'_> {
    /// Syncs all devices until they have nothing to do; if the collection is disabled, enables it and syncs again.
    pub(crate) async fn end(&mut self) -> Result<(), TestCaseError> {
        // A new device must get all records of the others.
        self.hosts
            .push(FaultyHost::new(self.server.fetch.clone(), 0));
        self.settle().await?;
        let mut off = 0;
        for device in 0..self.hosts.len() {
            off += usize::from(
                self.state(device)
                    .await
                    .device
                    .declined
                    .contains(&"notes".to_owned()),
            );
        }
        prop_assert!(
            off == 0 || off == self.hosts.len(),
            "{off} of {} devices have the collection disabled",
            self.hosts.len()
        );
        if off > 0 {
            self.choose(0, Wish::Enable).await;
            self.settle().await?;
        }
        self.pending_commands.check().map_err(TestCaseError::fail)?;
        self.check_equal().await
    }

    /// Syncs the devices in turn until all have nothing to do.
    async fn settle(&mut self) -> Result<(), TestCaseError> {
        for round in 1..=ROUNDS {
            let mut is_settled = true;
            for device in 0..self.hosts.len() {
                self.hosts[device].is_signed_in.set(true);
                let report = self.sync(device, None).await?;
                // If two devices set up the account concurrently, records of one may be encrypted with keys that the other has
                // replaced, until it syncs again. Devices execute pending commands in the first rounds.
                let is_well = report.is_success() || report.ending == Ending::LoggedOut;
                prop_assert!(
                    is_well || round <= 2,
                    "device {device} in round {round}: {report:?}"
                );
                is_settled &= report.ending == Ending::NothingToDo;
            }
            if is_settled {
                return Ok(());
            }
        }
        Err(TestCaseError::fail(format!(
            "the devices are not settled after {ROUNDS} rounds"
        )))
    }

    async fn check_equal(&self) -> Result<(), TestCaseError> {
        let mut all = Vec::new();
        for device in 0..self.hosts.len() {
            let counts = self.hosts[device].counts(&notes()).await.unwrap();
            prop_assert!(counts.pending == 0, "device {device} has unsent changes");
            all.push(self.held(device).await);
        }
        for (device, records) in all.iter().enumerate() {
            prop_assert!(
                *records == all[0],
                "device {device} has {records:?}, the first has {:?}",
                all[0]
            );
        }
        let mut journals = BTreeSet::new();
        for host in &self.hosts {
            let entries = journal::list(host, None, host.now()).await.unwrap();
            let texts = entries.iter().map(|entry| fields(&entry.cleartext));
            journals.extend(texts.flat_map(|fields| fields.into_values()));
        }
        self.model
            .check(&all[0], &journals)
            .map_err(TestCaseError::fail)
    }
}
