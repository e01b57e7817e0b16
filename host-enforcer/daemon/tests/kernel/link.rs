//! Frames below every protocol stack, as whoever is root in a namespace can send and see them.

use crate::namespace::Namespace;
use rustix::io::Errno;
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, eth, netdevice, recv, send,
    socket_with,
};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Room for a burst, in bytes: what arrives must not be missed because nobody has read yet.
const BUFFER: usize = 32 << 20;
/// How long a look for a frame takes where there is none.
const GLANCE: Duration = Duration::from_millis(20);

/// A packet socket on an interface of a namespace: what is sent leaves as it is, what arrives is read as it came.
pub(crate) struct Link(OwnedFd);

/// `struct sockaddr_ll` (linux/if_packet.h) with the interface alone.
#[repr(C)]
struct LinkAddress {
    family: u16,
    protocol: [u8; 2],
    ifindex: u32,
    rest: [u8; 12],
}

// SAFETY: the pointer is to this value, which is a `sockaddr_ll` of that length and lives through the call.
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        f((&raw const *self).cast(), size_of::<Self>() as SocketAddrLen)
    }
}

impl Link {
    /// Opens `eth0` of `namespace`.
    pub(crate) fn new(namespace: &Namespace) -> Self {
        Self::open(namespace, "eth0")
    }

    /// Opens `interface` of `namespace`.
    pub(crate) fn open(namespace: &Namespace, interface: &str) -> Self {
        let socket = namespace.inside(|| {
            let flags = SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, Some(eth::ALL)).unwrap();
            set_socket_recv_buffer_size_force(&socket, BUFFER).unwrap();
            let ifindex = netdevice::name_to_index(&socket, interface).unwrap();
            let family = AddressFamily::PACKET.as_raw();
            let every_protocol = [0, 3];
            bind(&socket, &LinkAddress { family, protocol: every_protocol, ifindex, rest: [0; 12] }).unwrap();
            socket
        });
        set_socket_timeout(&socket, Timeout::Recv, Some(GLANCE)).unwrap();
        Self(socket)
    }

    /// Sends one frame, Ethernet header first.
    pub(crate) fn send(&self, frame: &[u8]) {
        let sent = send(&self.0, frame, SendFlags::empty());
        // What is dropped on its way out is told to who sent it (packet(7)); that is for the other end to see.
        let told = matches!(sent, Err(Errno::NOBUFS));
        assert!(told || sent == Ok(frame.len()), "a frame of {} bytes: {sent:?}", frame.len());
    }

    /// One frame that arrived or was sent, if there is one in time.
    pub(crate) fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 1 << 14];
        match recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
            Ok((length, _)) => Some(buffer[..length].to_vec()),
            Err(Errno::AGAIN | Errno::INTR) => None,
            // The interface went down, or up again.
            Err(Errno::NETDOWN) => None,
            Err(error) => panic!("a packet socket: {error}"),
        }
    }
}
