//! The core of Selvedge for JavaScript hosts.
