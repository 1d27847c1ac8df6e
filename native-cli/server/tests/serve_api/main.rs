//! The embedded server over real sockets, one claim a test.
#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

mod accounts;
mod accounts_server;
mod auth;
mod batches;
mod browsers;
mod client;
mod collections;
mod conditions;
mod conformance;
mod durability;
mod info;
mod issuers;
mod legacy;
mod limits;
mod pages;
mod protection;
mod records;
mod slow_bodies;
mod times;
mod www;
