//! The embedded server over real sockets, one claim a test.

mod accounts;
mod auth;
mod batches;
mod browsers;
mod client;
mod collections;
mod conditions;
mod durability;
mod info;
mod limits;
mod pages;
mod protection;
mod records;
mod times;
