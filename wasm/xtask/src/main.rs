//! `cargo xtask`: builds the npm package.
fn main() {}
