//! Notifications of the kernel that routes or links have changed (spec §3.6).

use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use tokio::net::UnixDatagram;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_ROUTE` and `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x1 | 0x40 | 0x400;

/// How long to wait after a message for further messages of the same change.
const SETTLE_DELAY: Duration = Duration::from_millis(200);

/// The netlink socket of the kernel's network messages.
#[derive(Debug)]
pub(super) struct Network {
    messages: Option<UnixDatagram>,
}

impl Network {
    /// Opens the netlink socket. Without it, the event loop notices changes by polling.
    pub(super) fn watch() -> Self {
        Self {
            messages: listen().ok(),
        }
    }

    /// Returns when the kernel reports a change.
    pub(super) async fn changed(&self) {
        let Some(messages) = &self.messages else {
            return std::future::pending().await;
        };
        // The content is not parsed: the event loop reads the routes again.
        let mut buffer = [0; 4096];
        // An error because of lost messages (ENOBUFS) means a change as well.
        let _ = messages.recv(&mut buffer).await;
        tokio::time::sleep(SETTLE_DELAY).await;
        while messages.try_recv(&mut buffer).is_ok() {}
    }
}

/// Tokio has no netlink type; `UnixDatagram` can read datagrams of any family.
fn listen() -> std::io::Result<UnixDatagram> {
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    UnixDatagram::from_std(fd.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_netlink_socket_can_be_opened() {
        assert!(listen().is_ok());
        let nothing_changed =
            tokio::time::timeout(Duration::ZERO, Network { messages: None }.changed());
        assert!(nothing_changed.await.is_err());
    }
}
