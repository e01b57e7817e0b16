//! The form of netlink messages (linux/netlink.h): a header, a body of the family, attributes.

mod draft;

pub(crate) use draft::{ACKNOWLEDGE, APPEND, Attributes, CREATE, Draft};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, set_socket_send_buffer_size,
    set_socket_send_buffer_size_force,
};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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
/// `NETLINK_GET_STRICT_CHK` (linux/netlink.h).
const STRICT: libc::c_int = 12;
/// `NLM_F_DUMP_INTR`: what is listed changed meanwhile.
const INTERRUPTED: u16 = 0x10;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// What it is, in the family's numbers.
    pub(crate) kind: u16,
    flags: u16,
    /// The number of the request that it answers.
    sequence: u32,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind the first `fixed` bytes of the body: kind, without the flags in it, and value.
    pub(crate) fn attributes(&self, fixed: usize) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        attributes(self.body.get(fixed..).unwrap_or_default())
    }
}

/// The attributes in `bytes`: kind, without the flags in it, and value. One that is cut off ends them.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        // `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
        let kind = u16_at(rest, 2)? & 0x3fff;
        let value = rest.get(ATTRIBUTE..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The messages in a datagram. One that is cut off ends them.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let (kind, flags, sequence) = (u16_at(rest, 4)?, u16_at(rest, 6)?, u32_at(rest, 8)?);
        let body = rest.get(HEADER..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(Message { kind, flags, sequence, body })
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

    /// Has the kernel refuse what it does not understand, where it would ignore it (`NETLINK_GET_STRICT_CHK`).
    ///
    /// # Errors
    /// If it is older than 4.20.
    pub(crate) fn check_strictly(&self) -> std::io::Result<()> {
        let on: libc::c_int = 1;
        let length = libc::socklen_t::try_from(size_of_val(&on)).map_err(std::io::Error::other)?;
        // SAFETY: the descriptor is open, and the value is as long as is said and only read.
        let done = unsafe {
            let value = (&raw const on).cast();
            libc::setsockopt(self.0.as_raw_fd(), libc::SOL_NETLINK, STRICT, value, length)
        };
        if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
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
        tell: impl FnMut(Message<'_>),
    ) -> std::io::Result<bool> {
        let mut draft = Draft::default();
        draft.list(kind, body, |_| {});
        self.list_so(&draft, tell)
    }

    /// Asks for a list with a message drafted as one, likewise.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn list_so(&self, draft: &Draft, mut tell: impl FnMut(Message<'_>)) -> std::io::Result<bool> {
        send(&self.0, draft.bytes()?, SendFlags::empty())?;
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
                    ERROR => return Err(failure(message).unwrap_or_else(|| Errno::PROTO.into())),
                    _ => tell(message),
                }
            }
        }
    }

    /// Sends one request that has [`ACKNOWLEDGE`], and hands what comes before the acknowledgement to `tell`.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn ask(&self, draft: &Draft, mut tell: impl FnMut(Message<'_>)) -> std::io::Result<()> {
        send(&self.0, draft.bytes()?, SendFlags::empty())?;
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let length = match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for message in messages(buffer.get(..length).unwrap_or_default()) {
                match message.kind {
                    ERROR => return failure(message).map_or(Ok(()), Err),
                    _ => tell(message),
                }
            }
        }
    }

    /// Sends messages that the kernel takes all or none of; of those that failed, number and reason.
    ///
    /// The kernel has done or refused them when it has taken the datagram, and says so of those alone that failed or have
    /// [`ACKNOWLEDGE`].
    ///
    /// # Errors
    /// If they cannot be sent, or the kernel acknowledges nothing.
    pub(crate) fn transact(&self, draft: &Draft) -> std::io::Result<Vec<(u32, std::io::Error)>> {
        let bytes = draft.bytes()?;
        // The kernel counts several bytes for each. The second is for those who may not ask for so much.
        let room = bytes.len().saturating_mul(4).max(WAITING);
        if set_socket_send_buffer_size_force(&self.0, room).is_err() {
            set_socket_send_buffer_size(&self.0, room)?;
        }
        send(&self.0, bytes, SendFlags::empty())?;
        let (mut answered, mut failed) = (false, Vec::new());
        let read = self.notices(|message| {
            if message.kind == ERROR {
                answered = true;
                failed.extend(failure(message).map(|error| (message.sequence, error)));
            }
        })?;
        match answered && read == Notices::Whole {
            true => Ok(failed),
            false => Err(std::io::Error::other("the kernel does not say what became of it")),
        }
    }
}

/// What an `NLMSG_ERROR` says; `None` if it is an acknowledgement.
fn failure(message: Message<'_>) -> Option<std::io::Error> {
    let code = u32_at(message.body, 0).unwrap_or_default().cast_signed();
    (code != 0).then(|| std::io::Error::from_raw_os_error(code.wrapping_neg()))
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
