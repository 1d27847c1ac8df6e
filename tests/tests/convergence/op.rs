//! What may happen to the devices of an account, and in which mixture.

use proptest::collection::vec;
use proptest::prelude::*;
use selvedge_core::sync::{Mode, Wish};

use crate::killable_host::{Fault, Moment};

/// Something that happens. Devices are counted modulo their number.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A whole record is put; the bits of `fields` say which fields it has.
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
    /// Another client deletes all that the server has.
    EmptyTheServer,
    /// The account moves to another node, which has nothing yet.
    MoveToAnotherNode,
    /// A device asks something of another one, which does it when it next syncs.
    Ask {
        from: usize,
        to: usize,
        what: Asked,
        fault: Option<Fault>,
    },
    /// A person says how a device and the server come together, and has it sync.
    First {
        device: usize,
        mode: Mode,
        fault: Option<Fault>,
    },
    /// A person switches the collection on or off for the account; the next sync of this device tells the others.
    Choose { device: usize, wish: Wish },
    /// A device that was signed out signs in again.
    SignIn { device: usize },
    /// A device without records joins.
    Join,
}

/// What a device asks of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
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

/// Edits, syncs and what happens to servers: none of it says that a record may go.
fn plain() -> BoxedStrategy<Op> {
    let (device, record, field) = (0..4usize, 0..4u8, 0..3u8);
    prop_oneof![
        3 => (device.clone(), record.clone(), 1..8u8).prop_map(|(device, record, fields)| Op::Put { device, record, fields }),
        5 => (device.clone(), record.clone(), field.clone()).prop_map(|(device, record, field)| Op::Set { device, record, field }),
        1 => (device.clone(), record.clone(), field).prop_map(|(device, record, field)| Op::Remove { device, record, field }),
        2 => (device.clone(), record).prop_map(|(device, record)| Op::Delete { device, record }),
        5 => (device.clone(), fault()).prop_map(|(device, fault)| Op::Sync { device, fault }),
        1 => (device.clone(), device, fault()).prop_map(|(one, other, fault)| Op::SyncTogether { one, other, fault }),
        1 => prop_oneof![Just(Op::ReplaceKeys), Just(Op::EmptyTheServer), Just(Op::MoveToAnotherNode)],
    ]
    .boxed()
}

/// What a person decides, without any record's having to go.
fn kept() -> BoxedStrategy<Op> {
    let device = 0..5usize;
    let asked = prop_oneof![
        Just(Asked::ResetEngine),
        Just(Asked::ResetAll),
        Just(Asked::Logout)
    ];
    let wish = prop_oneof![
        2 => Just(Wish::Enable),
        1 => Just(Wish::Disable),
        1 => Just(Wish::Decline)
    ];
    prop_oneof![
        2 => (device.clone(), device.clone(), asked, fault()).prop_map(|(from, to, what, fault)| Op::Ask { from, to, what, fault }),
        1 => (device.clone(), fault()).prop_map(|(device, fault)| Op::First { device, mode: Mode::Merge, fault }),
        2 => (device.clone(), wish).prop_map(|(device, wish)| Op::Choose { device, wish }),
        1 => device.prop_map(|device| Op::SignIn { device }),
        1 => Just(Op::Join),
    ]
    .boxed()
}

/// What a person decides by which records go.
fn wiping() -> BoxedStrategy<Op> {
    let device = 0..5usize;
    let asked = prop_oneof![Just(Asked::WipeEngine), Just(Asked::WipeAll)];
    let mode = prop_oneof![Just(Mode::TakeServer), Just(Mode::TakeLocal)];
    prop_oneof![
        (device.clone(), device.clone(), asked, fault()).prop_map(|(from, to, what, fault)| {
            Op::Ask {
                from,
                to,
                what,
                fault,
            }
        }),
        (device, mode, fault()).prop_map(|(device, mode, fault)| Op::First {
            device,
            mode,
            fault
        }),
    ]
    .boxed()
}

/// A story: of edits and syncs alone, with decisions, or with such by which records go.
pub(crate) fn story() -> impl Strategy<Value = Vec<Op>> {
    let with_decisions = prop_oneof![8 => plain(), 1 => kept()];
    let with_wipes = prop_oneof![14 => plain(), 2 => kept(), 1 => wiping()];
    prop_oneof![
        1 => vec(plain(), 1..60),
        2 => vec(with_decisions, 1..60),
        2 => vec(with_wipes, 1..60),
    ]
}
