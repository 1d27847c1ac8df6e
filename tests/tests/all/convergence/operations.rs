//! The operations on the devices of an account, and their random generation.

use proptest::collection::vec;
use proptest::prelude::*;
use selvedge_core::sync::{Mode, Wish};

use crate::convergence::faulty_host::{Fault, Moment};

/// An operation. Numbers of devices are taken modulo the number of devices.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// A whole record is put; the bits of `fields` select its fields.
    Put {
        device: usize,
        record: u8,
        fields: u8,
    },
    /// A field gets a new value.
    Set {
        device: usize,
        record: u8,
        field: u8,
    },
    /// A field is removed.
    Remove {
        device: usize,
        record: u8,
        field: u8,
    },
    /// A record is deleted.
    Delete { device: usize, record: u8 },
    /// A device syncs.
    Sync { device: usize, fault: Option<Fault> },
    /// Two devices sync at the same time.
    SyncTogether {
        one: usize,
        other: usize,
        fault: Option<Fault>,
    },
    /// Another client replaces the keys of the account; the records on the server stay under the old ones.
    ReplaceKeys,
    /// Another client deletes all data on the server.
    EmptyTheServer,
    /// The account moves to another node, which is empty.
    MoveToAnotherNode,
    /// A device sends a command to another one, which executes it in its next sync.
    SendCommand {
        from: usize,
        to: usize,
        what: SentCommand,
        fault: Option<Fault>,
    },
    /// The user selects the mode of a first sync, and syncs.
    First {
        device: usize,
        mode: Mode,
        fault: Option<Fault>,
    },
    /// The user enables or disables the collection for the account; the next sync of this device uploads the choice.
    Choose { device: usize, wish: Wish },
    /// A device that was signed out signs in again.
    SignIn { device: usize },
    /// A device without records joins.
    Join,
}

/// A command to another device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentCommand {
    WipeEngine,
    WipeAll,
    ResetEngine,
    ResetAll,
    Logout,
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    let moment = prop_oneof![
        Just(Moment::BeforeItIsSent),
        Just(Moment::AfterItWasAnswered),
        Just(Moment::InTheAnswer)
    ];
    let fault = (0..14u32, moment).prop_map(|(after, moment)| Fault { after, moment });
    proptest::option::weighted(0.4, fault)
}

/// Edits, syncs and changes of the server, which do not allow the loss of a record.
fn plain() -> BoxedStrategy<Operation> {
    let (device, record, field) = (0..4usize, 0..4u8, 0..3u8);
    prop_oneof![
        3 => (device.clone(), record.clone(), 1..8u8).prop_map(|(device, record, fields)| Operation::Put { device, record, fields }),
        5 => (device.clone(), record.clone(), field.clone()).prop_map(|(device, record, field)| Operation::Set { device, record, field }),
        1 => (device.clone(), record.clone(), field).prop_map(|(device, record, field)| Operation::Remove { device, record, field }),
        2 => (device.clone(), record).prop_map(|(device, record)| Operation::Delete { device, record }),
        5 => (device.clone(), fault()).prop_map(|(device, fault)| Operation::Sync { device, fault }),
        1 => (device.clone(), device, fault()).prop_map(|(one, other, fault)| Operation::SyncTogether { one, other, fault }),
        1 => prop_oneof![Just(Operation::ReplaceKeys), Just(Operation::EmptyTheServer), Just(Operation::MoveToAnotherNode)],
    ]
    .boxed()
}

/// Decisions of the user that do not remove records.
fn kept() -> BoxedStrategy<Operation> {
    let device = 0..5usize;
    let command = prop_oneof![
        Just(SentCommand::ResetEngine),
        Just(SentCommand::ResetAll),
        Just(SentCommand::Logout)
    ];
    let wish = prop_oneof![
        2 => Just(Wish::Enable),
        1 => Just(Wish::Disable),
        1 => Just(Wish::Decline)
    ];
    prop_oneof![
        2 => (device.clone(), device.clone(), command, fault()).prop_map(|(from, to, what, fault)| Operation::SendCommand { from, to, what, fault }),
        1 => (device.clone(), fault()).prop_map(|(device, fault)| Operation::First { device, mode: Mode::Merge, fault }),
        2 => (device.clone(), wish).prop_map(|(device, wish)| Operation::Choose { device, wish }),
        1 => device.prop_map(|device| Operation::SignIn { device }),
        1 => Just(Operation::Join),
    ]
    .boxed()
}

/// Decisions of the user that remove records.
fn wiping() -> BoxedStrategy<Operation> {
    let device = 0..5usize;
    let command = prop_oneof![Just(SentCommand::WipeEngine), Just(SentCommand::WipeAll)];
    let mode = prop_oneof![Just(Mode::TakeServer), Just(Mode::TakeLocal)];
    prop_oneof![
        (device.clone(), device.clone(), command, fault()).prop_map(|(from, to, what, fault)| {
            Operation::SendCommand {
                from,
                to,
                what,
                fault,
            }
        }),
        (device, mode, fault()).prop_map(|(device, mode, fault)| Operation::First {
            device,
            mode,
            fault
        }),
    ]
    .boxed()
}

/// A sequence of operations: only edits and syncs, or also decisions, or also decisions that remove records.
pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let with_decisions = prop_oneof![8 => plain(), 1 => kept()];
    let with_wipes = prop_oneof![14 => plain(), 2 => kept(), 1 => wiping()];
    prop_oneof![
        1 => vec(plain(), 1..60),
        2 => vec(with_decisions, 1..60),
        2 => vec(with_wipes, 1..60),
    ]
}
