//! Client for the storage service, over [`Fetch`](crate::http::Fetch): the complete Storage API 1.5 (spec §3), and its
//! older [`Dialect`] 1.1.
//!
//! A [`Client`] authorizes and sends requests, and converts error responses to an [`Error`](crate::error::Error).
//! Information in the headers of responses is recorded and available from [`Client::observed`].

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
