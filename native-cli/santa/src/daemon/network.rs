//! When to look whether there is a network: the kernel says that routes or links changed (spec §3.6).

use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use tokio::net::UnixDatagram;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_ROUTE` and `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x1 | 0x40 | 0x400;

/// After a message, others of the same change are given so long to come.
const SETTLE: Duration = Duration::from_millis(200);

/// The kernel's messages of its network.
#[derive(Debug)]
pub(super) struct Network {
    messages: Option<UnixDatagram>,
}

impl Network {
    /// Listens to the kernel, where it lets us; else a change is seen by looking now and then.
    pub(super) fn watch() -> Self {
        Self {
            messages: listen().ok(),
        }
    }

    /// Comes back when the kernel says that something changed.
    pub(super) async fn changed(&self) {
        let Some(messages) = &self.messages else {
            return std::future::pending().await;
        };
        // What the messages say is not read: the routes are looked at anew.
        let mut buffer = [0; 4096];
        // That messages were lost, because there were too many, is as good as one.
        let _ = messages.recv(&mut buffer).await;
        tokio::time::sleep(SETTLE).await;
        while messages.try_recv(&mut buffer).is_ok() {}
    }
}

/// The runtime's type is that of another family's datagrams, but reads those of any.
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
    async fn the_kernel_is_listened_to() {
        assert!(listen().is_ok());
        let nothing_changed =
            tokio::time::timeout(Duration::ZERO, Network { messages: None }.changed());
        assert!(nothing_changed.await.is_err());
    }
}
