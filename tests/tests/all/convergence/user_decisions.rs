//! Decisions of users: commands to other devices, modes of a first sync, and the choice of synced collections.

use std::collections::BTreeSet;

use proptest::prop_assert;
use proptest::test_runner::TestCaseError;
use selvedge_core::account::Source;
use selvedge_core::error::{Error, Result};
use selvedge_core::host::Clock as _;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::server::Client;
use selvedge_core::sorted::Map;
use selvedge_core::sync::{
    self, CollectionKeys, Command, CommandOutcome, FirstSync, Mode, Recipients, Report, Wish,
    send_commands,
};
use selvedge_core::time::ServerTime;

use crate::convergence::devices::{Before, Devices, notes};
use crate::convergence::faulty_host::Fault;
use crate::convergence::model::Fields;
use crate::convergence::operations::SentCommand;

impl SentCommand {
    fn command(self) -> Command {
        match self {
            Self::WipeEngine => Command::WipeEngine(notes()),
            Self::WipeAll => Command::WipeAll,
            Self::ResetEngine => Command::ResetEngine(notes()),
            Self::ResetAll => Command::ResetAll,
            Self::Logout => Command::Logout,
        }
    }
}

impl Devices<'_> {
    /// Sends a command from one device to another, if the sender knows the other device.
    pub(crate) async fn send_command(
        &mut self,
        from: usize,
        to: usize,
        what: SentCommand,
        fault: Option<Fault>,
    ) -> Result<(), TestCaseError> {
        let target = self.state(to).await.device.clients.id;
        let (Some(target), true) = (target, self.hosts[from].is_signed_in.get()) else {
            return Ok(());
        };
        self.hosts[from].fail(fault);
        let sent = self
            .send(from, &target.clone().into(), what.command())
            .await;
        self.hosts[from].fail(None);
        let name = what.command().name();
        self.pending_commands
            .send(target.as_str(), name, 1, sent.is_ok());
        prop_assert!(
            match &sent {
                Ok(())
                | Err(Error::NotSetUp | Error::NotFound { .. } | Error::NoSuchRecord { .. }) =>
                    true,
                Err(Error::Network { .. }) => fault.is_some(),
                Err(_) => false,
            },
            "{what:?} could not be sent: {sent:?}"
        );
        Ok(())
    }

    async fn send(&self, from: usize, target: &RecordId, command: Command) -> Result<()> {
        let Source::Token(token) = &self.credentials.source else {
            return Err(Error::NotSetUp);
        };
        let host = &self.hosts[from];
        let client = Client::new(host, token.access()?, None);
        let (crypto, keys) = (
            CollectionName::new("crypto").unwrap(),
            RecordId::new("keys").unwrap(),
        );
        let record = client.get_record(&crypto, &keys).await?;
        let record = record.ok_or(Error::NotSetUp)?;
        let keys = CollectionKeys::open(&self.credentials.sync_key, &record.payload)?;
        let recipient = Recipients::One(target);
        send_commands(&client, host, &keys, recipient, &[command]).await?;
        Ok(())
    }

    /// Runs a first sync with a mode.
    pub(crate) async fn first(
        &mut self,
        device: usize,
        mode: Mode,
        fault: Option<Fault>,
    ) -> Result<(), TestCaseError> {
        let intent = FirstSync {
            mode,
            collections: vec![notes()],
            shown: self.times(),
        };
        sync::intend(&self.hosts[device], Some(intent))
            .await
            .unwrap();
        self.sync(device, fault).await?;
        Ok(())
    }

    /// The time of the collection on the server, which is shown to the user before a decision.
    fn times(&self) -> Map<CollectionName, ServerTime> {
        let info = self.server.wire(&self.account).get("info/collections");
        let time = info.get("notes").map(ToString::to_string);
        let time = time.map(|time| ServerTime::parse_json(time.as_bytes()).unwrap());
        time.map(|time| (notes(), time)).into_iter().collect()
    }

    /// Chooses on a device whether the account syncs the collection.
    pub(crate) async fn choose(&self, device: usize, wish: Wish) {
        let host = &self.hosts[device];
        sync::choose(host, &[notes()], wish, host.now())
            .await
            .unwrap();
        if wish == Wish::Disable {
            let shown = self.times();
            sync::agree_to_delete(host, shown).await.unwrap();
        }
    }

    /// A device with the mode take-local sends wipe commands to the others, in each attempt of a sync.
    pub(crate) async fn expect_wipes(&mut self, device: usize, before: &Before) {
        const ATTEMPTS: u32 = 3;
        let intent = before.state.device.first_sync.as_ref();
        if intent.is_none_or(|intent| intent.mode != Mode::TakeLocal) {
            return;
        }
        for other in (0..self.hosts.len()).filter(|other| *other != device) {
            if let Some(id) = self.state(other).await.device.clients.id {
                self.pending_commands
                    .send(id.as_str(), "wipeEngine", ATTEMPTS, false);
            }
        }
    }

    /// Records which values may be lost or may return because of a decision that this sync applied.
    pub(crate) async fn learn_of_wipes(&mut self, device: usize, before: &Before, report: &Report) {
        let has_wiped = |command: &str| matches!(command, "wipeEngine" | "wipeAll");
        let is_wiped_here = report.wiped_here.contains(&notes())
            || report
                .commands
                .iter()
                .any(|done| has_wiped(&done.command) && done.outcome == CommandOutcome::Done);
        if is_wiped_here {
            // Values that another device has, or that were downloaded again, must stay.
            let kept = self.values(|_| true).await;
            self.model.wiped(&before.records, &before.ids, &kept);
        }
        let changes = before.state.device.choices.changes.get(&notes());
        let disables = changes.is_some_and(|change| change.wish == Wish::Disable);
        // If the response was lost, it is unknown whether the server has deleted the collection.
        if disables || report.wiped_there.contains(&notes()) {
            self.model.server_forgets();
        }
        let mode = before
            .state
            .device
            .first_sync
            .as_ref()
            .map(|intent| intent.mode);
        if mode == Some(Mode::TakeLocal) {
            let elsewhere = self.values(|other| other != device).await;
            self.model.replaces_all(&before.records, &elsewhere);
        }
    }

    /// The values that the selected devices have.
    async fn values(&self, is_selected: impl Fn(usize) -> bool) -> BTreeSet<String> {
        let mut values = BTreeSet::new();
        for device in (0..self.hosts.len()).filter(|device| is_selected(*device)) {
            let records = self.held(device).await.into_values();
            values.extend(records.flat_map(Fields::into_values));
        }
        values
    }
}
