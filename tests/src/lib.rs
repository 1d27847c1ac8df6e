//! Shared code of the end-to-end tests: the real program and its server as child processes, devices, proxies that hold
//! connections or inject faults, tokens as a token server issues them, a NATS server, moroz, and Firefox.
//!
//! Functions panic with a message if the environment fails.

mod byte_proxy;
mod daemon_process;
mod device;
mod fake_clock;
mod fake_fcm;
mod fake_santa_server;
mod fault_proxy;
mod firefox;
mod killable_host;
mod moroz;
mod nats_server;
mod program;
mod push_listener;
mod randomness;
mod santa_machine;
mod secret_service;
mod server;
mod skipped;
mod test_summary;
mod token;
mod wire;

pub use byte_proxy::Proxy;
pub use daemon_process::{DaemonProcess, signal};
pub use device::{Device, Synced};
pub use fake_clock::FakeClock;
pub use fake_fcm::FakeFcm;
pub use fake_santa_server::{FakeSantaServer, SantaReply, SantaRequest};
pub use fault_proxy::{Canned, Fault, FaultProxy, Heard};
pub use firefox::{Firefox, FirefoxSynced};
pub use killable_host::{KillableHost, Killed, SyncOnce, sync_once};
pub use moroz::Moroz;
pub use nats_server::{NatsAccount, NatsServer};
pub use program::{Outcome, Run, selvedge, workspace_root};
pub use push_listener::PushListener;
pub use randomness::{Randomness, seed};
pub use santa_machine::SantaMachine;
pub use secret_service::SecretService;
pub use server::{Server, ServerSetup};
pub use skipped::skipped;
pub use test_summary::counted;
pub use token::{Account, MasterSecret};
pub use wire::Wire;
