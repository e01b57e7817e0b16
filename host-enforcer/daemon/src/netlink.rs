//! The form of netlink messages (linux/netlink.h): a header, a body of the family, attributes.

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes of the header of a message.
const HEADER: usize = 16;
/// Bytes of the header of an attribute.
const ATTRIBUTE: usize = 4;
/// The kernel writes at most this many bytes at once (`NLMSG_GOODSIZE` and what dumps use).
const DATAGRAM: usize = 1 << 16;
/// Bytes of notices that may wait: thousands of links that appear at once. Beyond them everything is listed again.
const WAITING: usize = 8 << 20;

/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a list.
const DONE: u16 = 3;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const LIST: u16 = 0x1 | 0x300;
/// `NLM_F_DUMP_INTR`: what is listed changed meanwhile.
const INTERRUPTED: u16 = 0x10;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// What it is, in the family's numbers.
    pub(crate) kind: u16,
    flags: u16,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind the first `fixed` bytes of the body: kind, without the flags in it, and value.
    pub(crate) fn attributes(&self, fixed: usize) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.body.get(fixed..).unwrap_or_default();
        std::iter::from_fn(move || {
            let length = usize::from(u16_at(rest, 0)?);
            // `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
            let kind = u16_at(rest, 2)? & 0x3fff;
            let value = rest.get(ATTRIBUTE..length)?;
            rest = rest.get(aligned(length)..).unwrap_or_default();
            Some((kind, value))
        })
    }
}

/// The messages in a datagram. One that is cut off ends them.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let (kind, flags) = (u16_at(rest, 4)?, u16_at(rest, 6)?);
        let body = rest.get(HEADER..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(Message { kind, flags, body })
    })
}

/// The `u16` at an offset, in the order of this host.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// The `u32` at an offset, in the order of this host.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// The text in an attribute, without the zero at its end.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

/// What came of reading notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notices {
    /// All of them were read.
    Whole,
    /// There were more than could wait, and some were lost.
    Lost,
}

/// A netlink socket of some family that hears the notices of a group.
pub(crate) struct NetlinkSocket(OwnedFd);

impl NetlinkSocket {
    /// Joins the groups in the mask `groups` of `family`; 0 is none.
    ///
    /// # Errors
    /// If there is no such socket to be had.
    pub(crate) fn new(family: Option<Protocol>, groups: u32) -> std::io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, family)?;
        if groups != 0 {
            // The first needs CAP_NET_ADMIN, and gives more.
            if set_socket_recv_buffer_size_force(&socket, WAITING).is_err() {
                set_socket_recv_buffer_size(&socket, WAITING)?;
            }
        }
        bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self(socket))
    }

    /// Hands all notices that wait to `tell`.
    ///
    /// # Errors
    /// If the socket is broken.
    pub(crate) fn notices(&self, mut tell: impl FnMut(Message<'_>)) -> std::io::Result<Notices> {
        let mut buffer = vec![0; DATAGRAM];
        let mut all = Notices::Whole;
        loop {
            match recv(&self.0, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((length, _)) => {
                    messages(buffer.get(..length).unwrap_or_default()).for_each(&mut tell);
                }
                // Told once; then the socket reads on.
                Err(Errno::NOBUFS) => all = Notices::Lost,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(all),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks for a list with a message of `kind` and `body`, and hands what comes to `tell`; false if the list changed
    /// meanwhile, so that something in it may be missing.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn list(
        &self,
        kind: u16,
        body: &[u8],
        mut tell: impl FnMut(Message<'_>),
    ) -> std::io::Result<bool> {
        let length = u32::try_from(HEADER + body.len()).map_err(std::io::Error::other)?;
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend(length.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend(LIST.to_ne_bytes());
        request.extend([0; 8]);
        request.extend(body);
        send(&self.0, &request, SendFlags::empty())?;
        let mut buffer = vec![0; DATAGRAM];
        let mut whole = true;
        loop {
            let length = match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for message in messages(buffer.get(..length).unwrap_or_default()) {
                whole &= message.flags & INTERRUPTED == 0;
                match message.kind {
                    DONE => return Ok(whole),
                    ERROR => {
                        let code = u32_at(message.body, 0).unwrap_or_default().cast_signed();
                        return Err(std::io::Error::from_raw_os_error(code.wrapping_neg()));
                    }
                    _ => tell(message),
                }
            }
        }
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((HEADER as u32 + body.len() as u32).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    #[test]
    fn messages_and_attributes_are_read_up_to_what_is_cut_off() {
        let mut body = vec![9; 4];
        for (kind, value) in [(3_u16, &b"veth0\0"[..]), (0x8001, b"x")] {
            body.extend((ATTRIBUTE as u16 + value.len() as u16).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
            body.resize(aligned(body.len()), 0);
        }
        let datagram = [message(16, &body), message(17, &[]), message(18, &[0; 9])].concat();
        let read: Vec<_> = messages(&datagram).map(|message| message.kind).collect();
        assert_eq!(read, [16, 17, 18]);
        let first = messages(&datagram).next().unwrap();
        let attributes: Vec<_> = first.attributes(4).collect();
        assert_eq!(attributes, [(3, &b"veth0\0"[..]), (1, b"x")]);
        assert_eq!(text(attributes[0].1), "veth0");
        for cut in 0..datagram.len() {
            for message in messages(&datagram[..cut]) {
                message.attributes(4).for_each(drop);
            }
        }
        // A length of zero is no reason to go on forever.
        assert_eq!(messages(&[0; 64]).count(), 0);
    }
}
