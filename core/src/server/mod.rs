//! The storage service over [`Fetch`](crate::http::Fetch): the whole Storage API 1.5 as a client sees it (spec §3), and its
//! older [`Dialect`] 1.1.
//!
//! A [`Client`] authorises, sends, and turns what is no success into an [`Error`](crate::error::Error). What the replies say
//! beside their bodies is recorded and read with [`Client::observed`].

pub(crate) mod address;
mod backoff;
pub mod batch;
mod by_time;
mod call;
mod client;
mod conditions;
mod dialect;
mod host_name;
mod http_date;
mod info;
mod limits;
mod observed;
mod order;
mod pages;
mod post_answer;
mod query;
mod redirect;
mod status;
mod storage;
mod upload;

pub use backoff::Backoff;
pub use client::{Access, Authorization, Basic, Client};
pub use conditions::{Condition, Conditional};
pub use dialect::Dialect;
pub use info::{InfoCollections, Quota};
pub use limits::Limits;
pub use observed::{Alert, Observed, Traffic};
pub use pages::{Arrived, PageEvent, Pages};
pub use query::{Position, Query, Sort};
pub(crate) use redirect::target as redirect;
pub use storage::{PutRecord, Record};
pub use upload::{Added, Committed, Failed, Reason, Upload};
