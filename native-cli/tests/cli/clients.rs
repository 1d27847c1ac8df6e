//! What devices ask of each other.

use selvedge_cli::device::Device as CliDevice;
use selvedge_cli::output::Output;
use selvedge_cli::remote::Remote;
use selvedge_core::sync::{Command, Recipients, send_commands};
use selvedge_host::profile::Profile;
use serde_json::json;

use crate::program::{Device, Server};

/// Sends a command to all devices of the account, from none of them.
fn send(device: &Device, command: Command) {
    let device = CliDevice {
        profile: Profile::find("default", Some(&device.profile())).unwrap(),
        output: Output {
            json: false,
            quiet: true,
        },
        network: selvedge_host::NetworkOptions::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let host = device.network();
        let remote = Remote::connect(&device, &host).await.unwrap();
        let keys = remote.keys().unwrap();
        let (all, commands) = (Recipients::AllBut(None), [command]);
        let sent = send_commands(&remote.client, &host, &keys, all, &commands).await;
        assert_eq!(sent.unwrap().len(), 1);
    });
}

#[test]
fn a_device_that_is_told_to_sign_out_forgets_its_account_and_keeps_its_records() {
    let server = Server::start();
    let device = Device::with_account(&server);
    device
        .run(&["records", "put", "notes", "milk", "--record", "{}"])
        .ok();
    device.run(&["sync"]).ok();
    send(&device, Command::Logout);
    assert_eq!(device.run(&["sync"]).code, 3);
    assert!(!device.profile().join("credentials.json").exists());
    assert!(!device.profile().join("token.json").exists());
    assert_eq!(device.records(&["notes"]), [json!({"id": "milk"})]);
    device.run(&["sync"]).refused(3);
}

#[test]
fn without_a_terminal_nobody_is_asked_to_wipe_anything_unless_it_is_said() {
    let server = Server::start();
    let one = Device::with_account(&server);
    let two = one.joined();
    one.run(&["clients", "rename", "Attic"]).ok();
    one.run(&["sync"]).ok();
    two.run(&["sync"]).ok();
    two.run(&["clients", "wipe", "Attic"]).refused(2);
    two.run(&["clients", "wipe", "Attic", "--dry-run"]).ok();
    let report = one.run(&["sync", "--json"]).json();
    assert_eq!(report["commands"], json!([]));
}
