//! Selvedge's core: record crypto and every sync decision of Firefox Sync (storage API 1.5, storage format 5).
//!
//! It does no I/O. The host provides four traits: [`http::Fetch`], [`host::Store`], [`host::Clock`] and
//! [`host::Random`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod account;
pub mod bso;
pub mod crypto;
pub mod engines;
pub mod error;
#[cfg(any(test, feature = "firefox"))]
pub mod firefox;
pub mod host;
pub mod http;
pub mod ids;
pub mod journal;
pub mod json;
pub mod metadata;
mod random;
pub mod reconcile;
mod repository;
pub mod schedule;
#[cfg(any(test, feature = "scripted-host"))]
#[doc(hidden)]
pub mod script;
pub mod server;
pub mod sorted;
pub mod sync;
pub mod time;
pub mod version;

/// The README's examples, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
