//! The program `selvedge`.
fn main() {}
