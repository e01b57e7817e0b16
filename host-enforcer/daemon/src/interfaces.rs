//! The interfaces of this network namespace: names, indexes, addresses, and word when they change.

mod local;
mod pattern;

pub use pattern::Pattern;

use crate::netlink::{Message, NetlinkSocket, Notices, text, u16_at, u32_at};
use bookend_abi::Address;
use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// `RTMGRP_LINK` (linux/rtnetlink.h): links appear, change and vanish.
const LINK_GROUP: u32 = 1;
/// `RTM_NEWLINK`, `RTM_DELLINK`, `RTM_GETLINK`.
const NEW_LINK: u16 = 16;
const DELETED_LINK: u16 = 17;
const GET_LINK: u16 = 18;
/// Bytes of `struct ifinfomsg`: family, type, index, flags, changed flags.
const LINK_BODY: usize = 16;
/// `IFLA_IFNAME`.
const NAME: u16 = 3;
/// `AF_BRIDGE`: a notice about a port's place in a bridge, which is not about the link itself.
const BRIDGE: u8 = 7;
/// The hardware type of what has Ethernet headers (linux/if_arp.h).
const ETHERNET: u16 = 1;
/// Lists asked for again because links changed meanwhile.
const TRIES: usize = 16;

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its packets have an Ethernet header.
    pub ethernet: bool,
}

/// The interfaces that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    by_index: BTreeMap<u32, Link>,
    by_name: HashMap<String, u32>,
    addresses: BTreeSet<Address>,
}

impl Links {
    /// Adds an interface, or renames it.
    pub fn add(&mut self, index: u32, link: Link) {
        self.remove(index);
        self.by_name.insert(link.name.clone(), index);
        self.by_index.insert(index, link);
    }

    /// Removes an interface, if it is there.
    pub fn remove(&mut self, index: u32) {
        // The name may be another's by now.
        if let Some(link) = self.by_index.remove(&index)
            && self.by_name.get(&link.name) == Some(&index)
        {
            self.by_name.remove(&link.name);
        }
    }

    /// The index of the interface `name`, if there is one.
    pub fn index(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The name of the interface `index`, if there is one.
    pub fn name(&self, index: u32) -> Option<&str> {
        self.by_index.get(&index).map(|link| link.name.as_str())
    }

    /// The interface `name`, if there is one.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.by_index.get(&self.index(name)?)
    }

    /// All of them, by index.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Link)> {
        self.by_index.iter().map(|(index, link)| (*index, link))
    }

    /// The addresses that are this machine's, of whatever interface, in table form; those by which it is one of many
    /// (broadcast, the routers of a subnet) too.
    pub fn addresses(&self) -> &BTreeSet<Address> {
        &self.addresses
    }

    /// Takes note of all the [addresses](Self::addresses) that are this machine's.
    pub fn set_addresses(&mut self, addresses: BTreeSet<Address>) {
        self.addresses = addresses;
    }

    /// Takes in what the kernel says of a link; whether anything changed.
    fn take(&mut self, message: Message<'_>) -> bool {
        let body = message.body;
        if body.first() == Some(&BRIDGE) {
            return false;
        }
        let (Some(kind), Some(index)) = (u16_at(body, 2), u32_at(body, 4)) else { return false };
        match message.kind {
            NEW_LINK => {
                let name = message.attributes(LINK_BODY).find(|(kind, _)| *kind == NAME);
                let Some((_, name)) = name else { return false };
                let link = Link { name: text(name), ethernet: kind == ETHERNET };
                let changed = self.by_index.get(&index) != Some(&link);
                if changed {
                    self.add(index, link);
                }
                changed
            }
            DELETED_LINK => {
                let known = self.by_index.contains_key(&index);
                self.remove(index);
                known
            }
            _ => false,
        }
    }
}

/// A netlink socket that becomes readable when a link or an address changes, and what it has told so far.
pub struct Interfaces {
    socket: NetlinkSocket,
    links: RefCell<Links>,
}

impl Interfaces {
    /// Subscribes to changes, and lists what is there.
    ///
    /// # Errors
    /// If there is no such socket to be had, or the list is refused.
    pub fn subscribe() -> std::io::Result<Self> {
        let socket = NetlinkSocket::new(None, LINK_GROUP | local::GROUPS)?;
        // Listed after subscribing, so that nothing falls between.
        let links = RefCell::new(list()?);
        Ok(Self { socket, links })
    }

    /// Takes in what the kernel said; whether an interface appeared, vanished or was renamed, or the machine has other
    /// addresses. What was lost, because too much happened at once, is made good by listing everything.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub fn update(&self) -> std::io::Result<bool> {
        let mut links = self.links.borrow_mut();
        let mut changed = false;
        let mut moved = false;
        let read = self.socket.notices(|message| {
            changed |= links.take(message);
            moved |= local::is_notice(message);
        })?;
        if read == Notices::Lost {
            *links = list()?;
            changed = true;
        } else if moved {
            // One address may be at several interfaces, so that one that went may still be there.
            let addresses = local::list()?;
            changed |= addresses != links.addresses;
            links.addresses = addresses;
        }
        Ok(changed)
    }

    /// The interfaces that are there, as far as the kernel was [heard](Self::update).
    pub fn links(&self) -> Ref<'_, Links> {
        self.links.borrow()
    }

    /// The name of the interface `ifindex`, if there is one.
    pub fn name(&self, ifindex: u32) -> Option<String> {
        self.links.borrow().name(ifindex).map(str::to_owned)
    }
}

/// All links and addresses, asked for on a socket of its own, so that no notice comes between.
fn list() -> std::io::Result<Links> {
    let socket = NetlinkSocket::new(None, 0)?;
    let mut links = Links::default();
    for _ in 0..TRIES {
        links = Links::default();
        let whole = socket.list(GET_LINK, &[0; LINK_BODY], |message| {
            links.take(message);
        })?;
        if whole {
            break;
        }
        // Still changing after so many tries: the notices of the changes make it whole.
    }
    links.addresses = local::list()?;
    Ok(links)
}

impl AsFd for Interfaces {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Interfaces {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Link {
        Link { name: name.to_owned(), ethernet: true }
    }

    #[test]
    fn the_loopback_interface_is_listed() {
        let interfaces = Interfaces::subscribe().unwrap();
        let index = interfaces.links().index("lo").unwrap();
        assert_eq!(interfaces.name(index).as_deref(), Some("lo"));
        assert!(interfaces.links().all().any(|(_, link)| link.name == "lo" && !link.ethernet));
    }

    #[test]
    fn a_name_that_passed_to_another_interface_stays_the_others() {
        let mut links = Links::default();
        links.add(1, link("veth0"));
        links.add(2, link("veth0"));
        links.remove(1);
        assert_eq!((links.index("veth0"), links.name(1)), (Some(2), None));
        links.add(2, link("veth1"));
        assert_eq!((links.index("veth0"), links.index("veth1")), (None, Some(2)));
    }
}
