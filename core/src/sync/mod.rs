//! One sync, one file per step, in the order in which the steps run (spec §4).
//!
//! ```text
//! ownership         are the records here of this account?      → other account: stop
//! precheck          may a sync start now?
//! token             which server, with which credentials?
//! info_collections  did anything change?                       → nothing to do: the end
//! meta_global       whose data are these, in which format?     → fresh start, needs consent, upgrade needed, stop
//! crypto_keys       with which keys?                           → needs consent, wrong key, stop
//! fresh_start       the account is empty: set it up, then begin again, once
//! recovery          only a person may decide what is next      → end, or what the person agreed to, then begin again
//! clients           which other devices exist, and what do they know of this one?
//! first_sync        once, if requested: merge, or one side replaces the other
//! commands          which commands did other devices send?     → reset or wipe, then begin again; signed out
//! selection         which engines does the account sync?
//! engines           each collection: associate
//! meta_global       upload, if it was changed
//! engines           each collection: pull, push
//! ```
//!
//! `run` has the order; nothing imports it. Steps share the modules below them: `session` (the server, the keys and the
//! state of one sync), `state` (the data kept between two syncs), `options` and `report`. `tests/layers.txt` lists the
//! layers.
//!
//! `copy` takes a whole account to another server. `error_policy` alone decides how to handle an error of a step.
//!
//! Each step is a pure decision, whose outcomes are a table in its tests, and one function that carries it out.

mod association;
mod choices;
mod clients;
mod commands;
mod comparison;
mod consent;
mod copy;
mod crypto_keys;
mod ended;
mod engines;
mod error_policy;
mod fetch;
mod first_preview;
mod first_sync;
mod fresh_start;
mod info_collections;
mod key_probe;
mod meta_global;
mod new_keys;
mod options;
mod ownership;
mod precheck;
mod preview;
mod read_account;
mod recovery;

mod report;
mod run;
mod selection;
mod session;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod token;
mod waiting;

pub use crate::error::Reason;
pub use crate::metadata::{
    CollectionKeys, Command, DeviceType, EngineEntry, KeyChange, KnownClient, Listed,
    MalformedKeys, MetaGlobal, OwnClient, ReceivedTab, Seen, Verdict, Where,
};
pub use crate::repository::{Applied, Failed, Failure, Progress, Pulled, Pushed};
pub use crate::version::Version;
pub use association::Association;
pub use choices::{EngineState, EngineStatus, agree_to_delete, choose, engine_list, turn};
pub use clients::{Due, Lookup, Standing, list_clients};
pub use commands::{Recipients, Sent, send_commands};
pub use consent::{AtRisk, Consent, Remedy, SECOND_LOOK_SECONDS};
pub use copy::copy;
pub use ended::ended;
pub use first_preview::{FirstCollection, FirstPreview, first_preview};
pub use first_sync::intend;
pub use info_collections::Course;
pub use options::{Options, Stage};
pub use ownership::{adopt_records, bind, bound_to, has_owner, owner};
pub use precheck::{Obstacle, Situation, precheck};
pub use preview::{CollectionPreview, Preview, assess, preview, preview_account};
pub use report::{
    ClientsReport, CollectionReport, CollectionStatus, CommandOutcome, CommandReport, Ending,
    Outcome, Report, Skip,
};
pub use run::{reinitialize, sync};
pub use state::{
    Cached, CachedInfo, Change, Choices, ClientsState, DeviceState, Effect, FirstSync, GlobalState,
    Mode, ServerView, Wish,
};
pub use status::{CollectionCounts, Status, forget_refusal, status};
pub use token::KeptToken;
