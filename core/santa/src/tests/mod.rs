//! Complete syncs with a scripted server, and the vectors of the specification.

mod bytes;
mod laws;
// The second implementation does not build for WebAssembly.
#[cfg(not(target_arch = "wasm32"))]
mod reflection;
mod scenarios;
mod scene;
