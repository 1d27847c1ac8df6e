//! Runs one sync in its own process, which tests kill. Reads its settings from the standard input. With the argument `santa`
//! it is a machine's sync with a Santa server, otherwise a device's.

use std::io::Read as _;

use selvedge_tests::{SantaMachine, SyncOnce};

fn main() {
    let mut json = String::new();
    std::io::stdin()
        .read_to_string(&mut json)
        .expect("the input can be read");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the runtime starts");
    let report = match std::env::args().nth(1).as_deref() {
        Some("santa") => format!(
            "{:?}",
            runtime.block_on(SantaMachine::from_json(&json).sync())
        ),
        _ => format!("{:?}", runtime.block_on(SyncOnce::from_json(&json).run())),
    };
    eprintln!("the sync completed: {report}");
}
