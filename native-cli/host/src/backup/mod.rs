//! Backups of an account: what programs that make and rotate them share.

pub mod keep;
