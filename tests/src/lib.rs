//! What the end-to-end tests share: the real program and its server as child processes, devices to sync, a proxy that
//! cuts connections at a chosen byte, tokens minted as a token server would, a NATS server, a moroz, and a Firefox to sync with.
//!
//! Everything panics with a message when the machine does not do its part: these are tests.

mod counted;
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
mod proxy;
mod push_listener;
mod randomness;
mod santa_machine;
mod secret_service;
mod server;
mod token;
mod wire;

pub use counted::counted;
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
pub use proxy::Proxy;
pub use push_listener::PushListener;
pub use randomness::{Randomness, seed};
pub use santa_machine::SantaMachine;
pub use secret_service::SecretService;
pub use server::{Server, ServerSetup};
pub use token::{Account, MasterSecret};
pub use wire::Wire;
