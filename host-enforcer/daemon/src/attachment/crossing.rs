//! Where the other ends of this host's interfaces lie, as the kernel says it: nothing here is entered, nothing there is run.
//!
//! The kernel numbers the network namespaces that somebody asks about, as seen from one of them (`ip netns list-id`). It says of
//! an interface in which namespace its other end lies (`IFLA_LINK_NETNSID`), of a process in which it is (`RTM_GETNSID`), and lists
//! what is in one (`IFLA_TARGET_NETNSID`), all of it to whoever has CAP_NET_ADMIN.

use crate::netlink::{ACKNOWLEDGE, Draft, Message, NetlinkSocket, attributes, text, u32_at};
use std::io;
use std::net::IpAddr;

/// `RTM_NEWLINK`, `RTM_DELLINK`, `RTM_GETLINK`, `RTM_NEWADDR`, `RTM_GETADDR` (linux/rtnetlink.h).
pub(super) const NEW_LINK: u16 = 16;
pub(super) const DELETED_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// `RTM_NEWNSID` and `RTM_GETNSID`.
const NEW_NUMBER: u16 = 88;
const GET_NUMBER: u16 = 90;
/// Bytes of `struct ifinfomsg`, `struct ifaddrmsg` and, with what fills it up, `struct rtgenmsg`.
pub(super) const LINK_BODY: usize = 16;
const ADDRESS_BODY: usize = 8;
const NUMBER_BODY: usize = 4;
/// `IFLA_IFNAME`, `IFLA_LINK`, `IFLA_LINKINFO`, `IFLA_LINK_NETNSID`, `IFLA_TARGET_NETNSID`; `IFLA_INFO_KIND`.
const NAME: u16 = 3;
const LINK: u16 = 5;
const INFO: u16 = 18;
const LINK_NETNS: u16 = 37;
const TARGET: u16 = 46;
const KIND: u16 = 1;
/// `IFA_ADDRESS`, `IFA_LOCAL`, `IFA_TARGET_NETNSID`.
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const ADDRESS_TARGET: u16 = 10;
/// `NETNSA_NSID` and `NETNSA_PID`.
const NUMBER: u16 = 1;
const PROCESS: u16 = 2;
/// Kinds whose two ends are one interface: what comes out of one went into the other. Of all others `IFLA_LINK` means
/// something else, of a VLAN or a macvlan for example the interface below.
const PAIRS: [&str; 2] = ["veth", "netkit"];
/// Lists asked for again because something changed meanwhile.
const TRIES: usize = 4;

/// An interface, as one namespace has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// `veth`, for example; empty of a device.
    pub(super) kind: String,
    /// The other end's index.
    pub(super) other: Option<u32>,
    /// The number of the other end's namespace, if it is another.
    pub(super) netns: Option<u32>,
}

impl Link {
    /// What the kernel says of a link.
    pub(super) fn read(message: Message<'_>) -> Option<Self> {
        let index = u32_at(message.body, 4)?;
        let mut link = Self { index, name: String::new(), kind: String::new(), other: None, netns: None };
        for (kind, value) in message.attributes(LINK_BODY) {
            match kind {
                NAME => link.name = text(value),
                LINK => link.other = u32_at(value, 0),
                LINK_NETNS => link.netns = u32_at(value, 0),
                INFO => {
                    let kind = attributes(value).find(|(kind, _)| *kind == KIND);
                    link.kind = kind.map(|(_, kind)| text(kind)).unwrap_or_default();
                }
                _ => {}
            }
        }
        Some(link)
    }

    /// Whether it is one end of a pair.
    pub(super) fn is_pair(&self) -> bool {
        PAIRS.contains(&self.kind.as_str())
    }
}

/// A question to the kernel about namespaces, on a socket of its own.
pub(super) struct Kernel(NetlinkSocket);

impl Kernel {
    /// Ready to ask.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub(super) fn new() -> io::Result<Self> {
        let socket = NetlinkSocket::new(None, 0)?;
        // Without it the kernel would list this namespace's addresses where another's are asked for.
        socket.check_strictly()?;
        Ok(Self(socket))
    }

    /// All links of this namespace, or of another.
    ///
    /// # Errors
    /// If the kernel refuses, for example because the other is gone.
    pub(super) fn links(&self, netns: Option<u32>) -> io::Result<Vec<Link>> {
        let mut links = Vec::new();
        for _ in 0..TRIES {
            links.clear();
            let mut draft = Draft::default();
            draft.list(GET_LINK, &[0; LINK_BODY], |attributes| {
                if let Some(netns) = netns {
                    attributes.number(TARGET, netns);
                }
            });
            let tell = |message: Message<'_>| {
                if message.kind == NEW_LINK {
                    links.extend(Link::read(message));
                }
            };
            if self.0.list_so(&draft, tell)? {
                break;
            }
        }
        Ok(links)
    }

    /// The addresses of a link in another namespace, ascending, without those of the link alone.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn addresses(&self, netns: u32, link: u32) -> io::Result<Vec<IpAddr>> {
        let mut draft = Draft::default();
        draft.list(GET_ADDRESS, &[0; ADDRESS_BODY], |attributes| {
            attributes.number(ADDRESS_TARGET, netns);
        });
        let mut all = Vec::new();
        self.0.list_so(&draft, |message| {
            if message.kind == NEW_ADDRESS && u32_at(message.body, 4) == Some(link) {
                let of = |wanted| message.attributes(ADDRESS_BODY).find(|(kind, _)| *kind == wanted);
                let address = of(LOCAL).or_else(|| of(ADDRESS)).and_then(|(_, value)| ip(value));
                all.extend(address.filter(|address| !is_link_local(*address)));
            }
        })?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// The number of the namespace in which a process is; it is given one if it has none.
    ///
    /// # Errors
    /// If the process is gone.
    pub(super) fn netns_of(&self, process: u32) -> io::Result<u32> {
        if let Some(number) = self.number(process)? {
            return Ok(number);
        }
        let mut draft = Draft::default();
        draft.message(NEW_NUMBER, ACKNOWLEDGE, &[0; NUMBER_BODY], |attributes| {
            // Whichever is free.
            attributes.number(NUMBER, u32::MAX).number(PROCESS, process);
        });
        match self.0.ask(&draft, |_| {}) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        self.number(process)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The number of this namespace.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn own_netns(&self) -> io::Result<u32> {
        // A thread may be in another than its process.
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.netns_of(u32::try_from(thread).map_err(io::Error::other)?)
    }

    fn number(&self, process: u32) -> io::Result<Option<u32>> {
        let mut draft = Draft::default();
        draft.message(GET_NUMBER, ACKNOWLEDGE, &[0; NUMBER_BODY], |attributes| {
            attributes.number(PROCESS, process);
        });
        let mut number = None;
        self.0.ask(&draft, |message| {
            let told = message.attributes(NUMBER_BODY).find(|(kind, _)| *kind == NUMBER);
            // −1 is none.
            number = told.and_then(|(_, value)| u32_at(value, 0)).filter(|number| number.cast_signed() >= 0);
        })?;
        Ok(number)
    }
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from)).ok()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_loopback(),
    }
}
