//! One sync in a process of its own, to be killed: what to do comes over the standard input. It is a device's sync, or with
//! the argument `santa` a machine's with a Santa server.

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
        .expect("there is room for a runtime");
    let report = match std::env::args().nth(1).as_deref() {
        Some("santa") => format!(
            "{:?}",
            runtime.block_on(SantaMachine::from_json(&json).sync())
        ),
        _ => format!("{:?}", runtime.block_on(SyncOnce::from_json(&json).run())),
    };
    eprintln!("the sync came to its end: {report}");
}
