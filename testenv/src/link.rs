//! Frames below every protocol stack: a packet socket on one interface.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket};
use nix::sys::time::TimeVal;

use crate::error::{Doing, Result};

/// Room for a burst, in bytes: a witness may be late but must not miss anything.
const BUFFER: usize = 8 << 20;

/// A packet socket: what is written leaves the interface as it is, what arrives is read as it came.
#[derive(Debug)]
pub struct Link {
    file: File,
}

impl Link {
    /// Opens `interface` of the calling thread's namespace.
    ///
    /// # Errors
    /// If there is no such interface or we are not root.
    pub fn open(interface: &str) -> Result<Self> {
        let index = if_nametoindex(interface).doing(format!("find interface `{interface}`"))?;
        let socket: OwnedFd =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)
                .doing("open a packet socket")?;
        setsockopt(&socket, RcvBuf, &BUFFER).doing("enlarge the buffer of a packet socket")?;
        bind(&socket, index).doing(format!("bind a packet socket to `{interface}`"))?;
        Ok(Self { file: File::from(socket) })
    }

    /// Bounds how long [`Self::receive`] waits.
    pub fn set_timeout(&self, limit: Duration) -> Result<()> {
        let limit = TimeVal::new(
            i64::try_from(limit.as_secs()).doing("represent a duration")?,
            i64::from(limit.subsec_micros()),
        );
        setsockopt(&self.file, ReceiveTimeout, &limit).doing("limit the time to read")
    }

    /// Sends one frame, Ethernet header first.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        (&self.file).write_all(frame).doing("send a frame")
    }

    /// Receives one frame, also those the interface sends; `None` when time runs out.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        match (&self.file).read(buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(error) => Err(error).doing("receive a frame"),
        }
    }
}

fn bind(socket: &OwnedFd, interface: u32) -> io::Result<()> {
    let index = i32::try_from(interface).map_err(io::Error::other)?;
    let every_protocol = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    let address = libc::sockaddr_ll {
        sll_family: family,
        sll_protocol: every_protocol.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = u32::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    // SAFETY: the socket is open, and the pointer and the length describe `address`, which outlives the call.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
