//! The data kept between two syncs (spec §4.1, §5.1).

mod choices;
mod clients;
mod collection_state;
mod device_state;
mod first_sync;
mod global_state;
mod server_view;
mod text;

pub use choices::{Change, Choices, Wish};
pub use clients::ClientsState;
pub(crate) use collection_state::CollectionState;
pub use device_state::DeviceState;
pub use first_sync::{Effect, FirstSync, Mode};
pub use global_state::GlobalState;
pub use server_view::{Cached, CachedInfo, ServerView};
pub(super) use text::{read, write};
