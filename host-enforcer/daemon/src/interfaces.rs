//! The interfaces of this network namespace: names, indexes, and word when they change.

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netdevice, recv, socket_with};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// `RTMGRP_LINK` (linux/rtnetlink.h): links appear, change and vanish.
const LINK_GROUP: u32 = 1;

/// `ioctl` for an interface's hardware address and type (linux/sockios.h).
const SIOCGIFHWADDR: Opcode = 0x8927;
/// The hardware type of what has Ethernet headers (linux/if_arp.h).
const ARPHRD_ETHER: u16 = 1;

/// `struct ifreq` with a hardware address (linux/if.h).
#[repr(C)]
struct HardwareRequest {
    name: [u8; 16],
    kind: u16,
    address: [u8; 22],
}

/// Whether the packets of the interface `name` have an Ethernet header.
///
/// # Errors
/// If there is no such interface.
pub fn is_ethernet(name: &str) -> std::io::Result<bool> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut request = HardwareRequest { name: [0; 16], kind: 0, address: [0; 22] };
    // The last byte stays zero.
    for (byte, given) in request.name.iter_mut().take(15).zip(name.bytes()) {
        *byte = given;
    }
    // SAFETY: the kernel reads and writes one `struct ifreq`, 40 bytes, which this is.
    unsafe { ioctl(&socket, Updater::<SIOCGIFHWADDR, _>::new(&mut request)) }?;
    Ok(request.kind == ARPHRD_ETHER)
}

const _: () = assert!(size_of::<HardwareRequest>() == 40);

/// A netlink socket that becomes readable when a link changes; also the socket to look links up with.
pub struct Interfaces(OwnedFd);

impl Interfaces {
    /// Subscribes to changes.
    ///
    /// # Errors
    /// If there is no such socket to be had.
    pub fn subscribe() -> std::io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, LINK_GROUP))?;
        Ok(Self(socket))
    }

    /// Reads and drops what the kernel said; what is there now is looked up afterwards. Lost messages are no loss.
    pub fn drain(&self) {
        let mut buffer = [0; 8192];
        // An overflow is reported once, and then the socket reads on.
        while let Ok(_) | Err(Errno::NOBUFS | Errno::INTR) =
            recv(&self.0, &mut buffer[..], RecvFlags::DONTWAIT)
        {}
    }

    /// The index of the interface `name`, if there is one.
    pub fn index(&self, name: &str) -> Option<u32> {
        // Fails only if there is none, or if no interface could have such a name.
        netdevice::name_to_index(&self.0, name).ok()
    }

    /// The name of the interface `ifindex`, if there is one.
    pub fn name(&self, ifindex: u32) -> Option<String> {
        netdevice::index_to_name(&self.0, ifindex).ok()
    }
}

impl AsFd for Interfaces {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Interfaces {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
