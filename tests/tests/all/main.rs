//! Tests across packages, in one program: each module is a subject.
#![allow(missing_docs, reason = "the names of tests are their claims")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod account_copy;
mod account_login;
mod clients;
mod consent;
mod convergence;
mod daemon;
mod documents;
mod engine_choices;
mod fake_accounts_server;
mod faults;
mod firefox;
mod imports;
mod interrupted_first_sync;
mod keyring;
mod legacy;
mod licences;
mod refusals;
mod santa_daemon;
mod santa_doctor;
mod santa_expressions;
mod santa_faults;
mod santa_fleet;
mod santa_fleet_serve;
mod santa_push;
mod santa_push_fcm;
mod santa_serve;
mod santa_sync;
mod santa_tls;
mod secrecy;
mod sync_faults;
mod ten_thousand_records;
mod terminal;
mod two_devices;
mod version_reported;
