//! One sync of a machine in a process of its own, to be killed: which machine comes over the standard input.

use std::io::Read as _;

use selvedge_tests::SantaMachine;

fn main() {
    let mut json = String::new();
    std::io::stdin()
        .read_to_string(&mut json)
        .expect("the input can be read");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("there is room for a runtime");
    let report = runtime.block_on(SantaMachine::from_json(&json).sync());
    eprintln!("the sync came to its end: {report:?}");
}
