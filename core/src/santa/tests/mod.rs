//! Whole syncs against a scripted server, and the vectors of the specification.

mod bytes;
mod laws;
mod scenarios;
mod scene;
