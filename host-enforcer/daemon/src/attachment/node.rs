//! This node's pods, as they are looked at: when links change, when the CNI plugin says so, and now and then.

use super::crossing::{self, Kernel, Link};
use super::ledger::{Ledger, Sighting, Told, bare};
use super::{Attachment, Attachments, Obstacle, Register, Side, look};
use crate::netlink::{NetlinkSocket, Notices, u16_at, u32_at};
use crate::say::say;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `RTMGRP_LINK`.
const LINK_GROUP: u32 = 1;
/// `AF_BRIDGE`: about a port's place in a bridge, not about the link.
const BRIDGE: u8 = 7;
/// Where the attachments of an earlier enforcer are kept, in the state directory.
const FILE: &str = "attachments.json";

/// How soon to look after links have changed: a plugin changes several, one after the other.
pub(crate) const SOON: Duration = Duration::from_millis(30);
/// How soon to look again for whose an interface is that leads somewhere, the first time; every time half as often.
const AGAIN: Duration = Duration::from_millis(250);
/// How often at least: pods in the host's own network change no links.
const SELDOM: Duration = Duration::from_secs(30);

/// What is known of this node's pods.
pub(crate) struct Node {
    socket: NetlinkSocket,
    proc: PathBuf,
    ledger: Ledger,
    register: Register,
    /// Where it is kept for the next enforcer.
    file: Option<PathBuf>,
    kept: String,
    rest: Duration,
    /// What was said of pods, so that it is said once.
    said: BTreeSet<String>,
}

impl Node {
    /// What is known from an earlier enforcer, by `state`; nothing was looked at yet. Whatever happens from now on is noticed.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub(crate) fn new(state: Option<&Path>) -> io::Result<(Self, Attachments)> {
        let (register, attachments) = Attachments::channel();
        if let Some(state) = state {
            std::fs::create_dir_all(state)?;
        }
        let file = state.map(|state| state.join(FILE));
        let kept = file.as_deref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        // Of an older form, or cut off: then it is looked for anew.
        let entries = serde_json::from_str(&kept).unwrap_or_default();
        let mut node = Self {
            socket: NetlinkSocket::new(None, LINK_GROUP)?,
            proc: PathBuf::from("/proc"),
            ledger: Ledger::restored(entries),
            register,
            file,
            kept,
            rest: AGAIN,
            said: BTreeSet::new(),
        };
        node.verify()?;
        Ok((node, attachments))
    }

    /// Forgets, of what was restored, interfaces that are others by now.
    fn verify(&mut self) -> io::Result<()> {
        let links = Kernel::new()?.links(None)?;
        let same = |index: &u32, name: &str, netns: u32| {
            links.iter().any(|link| link.index == *index && link.name == name && link.netns == Some(netns))
        };
        let entries = self.ledger.entries().iter();
        let others = entries.filter(|(index, entry)| !same(index, &entry.name, entry.netns));
        let others = others.map(|(index, _)| *index).collect();
        self.ledger.gone(&others);
        self.announce();
        Ok(())
    }

    /// A descriptor that is readable when links change.
    ///
    /// # Errors
    /// If there are no more to be had.
    pub(crate) fn notices(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// Takes in what the kernel said of links; whether it is worth looking.
    ///
    /// # Errors
    /// If the socket is broken.
    pub(crate) fn hear(&mut self) -> io::Result<bool> {
        let (gone, worth) = self.heard()?;
        if !gone.is_empty() {
            self.ledger.gone(&gone);
            self.announce();
        }
        Ok(worth)
    }

    /// The links that went, and whether others came or changed.
    fn heard(&mut self) -> io::Result<(BTreeSet<u32>, bool)> {
        let (mut gone, mut worth) = (BTreeSet::new(), false);
        let read = self.socket.notices(|message| {
            if message.body.first() == Some(&BRIDGE) || u16_at(message.body, 2).is_none() {
                return;
            }
            match message.kind {
                crossing::DELETED_LINK => gone.extend(u32_at(message.body, 4)),
                crossing::NEW_LINK => worth |= Link::read(message).is_some_and(|link| link.is_pair()),
                _ => {}
            }
        })?;
        if read == Notices::Lost {
            // It is not known which are others by now.
            gone.extend(self.ledger.entries().keys());
        }
        Ok((gone, worth || read == Notices::Lost))
    }

    /// Looks at everything; how long until it is worth looking again, if nothing happens.
    ///
    /// # Errors
    /// If processes or links cannot be listed.
    pub(crate) fn look(&mut self) -> io::Result<Duration> {
        let kernel = Kernel::new()?;
        let rooms = look::rooms(&self.proc, &kernel)?;
        let links = kernel.links(None)?;
        // What went while it was listed may be in the lists or not, and what came in its place, too.
        let (gone, _) = self.heard()?;
        self.ledger.gone(&gone);
        let links: Vec<Link> = links.into_iter().filter(|link| !gone.contains(&link.index)).collect();
        let host = kernel.own_netns()?;
        let mut crossings: BTreeMap<u32, Vec<&Link>> = BTreeMap::new();
        for link in links.iter().filter(|link| link.is_pair()) {
            if let Some(netns) = link.netns {
                crossings.entry(netns).or_default().push(link);
            }
        }
        let (mut sightings, mut others) = (Vec::new(), Vec::new());
        for room in rooms {
            let Some(links) = crossings.get(&room.netns) else {
                let side = if room.netns == host { Side::Host } else { missing(&kernel, room.netns) };
                others.push(bare(room.uid, room.netns, Some(room.process), side));
                continue;
            };
            for link in links {
                let other = link.other.unwrap_or_default();
                // A namespace that has just gone has none.
                let seen = kernel.addresses(room.netns, other).unwrap_or_default();
                sightings.push(Sighting {
                    uid: room.uid.clone(),
                    netns: room.netns,
                    process: room.process,
                    index: link.index,
                    name: link.name.clone(),
                    seen,
                });
            }
        }
        self.ledger.remain(&links.iter().map(|link| (link.index, link.name.clone())).collect());
        self.ledger.looked(sightings, others);
        self.announce();
        self.tell();
        let unknown = crossings.values().flatten().any(|link| self.ledger.owner(link.index).is_none());
        // Their processes are about to start, or they are no pods.
        self.rest = if unknown || !gone.is_empty() { (self.rest * 2).min(SELDOM) } else { AGAIN };
        Ok(if unknown || !gone.is_empty() { self.rest } else { SELDOM })
    }

    /// Has the next looks follow soon again.
    pub(crate) fn hurry(&mut self) {
        self.rest = AGAIN;
    }

    /// Takes the runtime's word for the pod that is in the network namespace of `process`; index and name of the host's
    /// interface.
    ///
    /// # Errors
    /// A sentence with a cure, if there is no such interface.
    pub(crate) fn told(&mut self, process: u32, told: Told) -> Result<(u32, String), Refusal> {
        let kernel = Kernel::new()?;
        let netns = kernel.netns_of(process)?;
        if netns == kernel.own_netns()? {
            return Err(Refusal::HostNetwork);
        }
        let inside = kernel.links(Some(netns))?.into_iter().find(|link| link.name == told.inside);
        let Some(inside) = inside else { return Err(Refusal::NoSuchInterface) };
        let interface = inside.name.clone();
        let own = kernel.links(None)?.into_iter();
        let crossing = own.filter(|link| link.is_pair() && link.netns == Some(netns));
        let Some(crossing) = crossing.into_iter().find(|link| link.other == Some(inside.index)) else {
            return Err(Obstacle::NoHostSide { interface, kind: kind(&inside) }.into());
        };
        let seen = kernel.addresses(netns, inside.index)?;
        if seen != told.addresses {
            say(&format!(
                "the runtime gave the pod `{}/{}` the addresses {}, and its interface has {}; what it sends from others than \
                 it was given is dropped",
                told.namespace,
                told.pod,
                list(&told.addresses),
                list(&seen)
            ));
        }
        self.ledger.told(crossing.index, &crossing.name, netns, seen, told)?;
        self.announce();
        Ok((crossing.index, crossing.name))
    }

    /// The runtime has done with an interface of a container.
    pub(crate) fn forget(&mut self, container: &str, inside: &str) {
        self.ledger.forget(container, inside);
        self.announce();
    }

    fn announce(&mut self) {
        self.register.announce(self.ledger.attachments());
        let Some(file) = &self.file else { return };
        let Ok(text) = serde_json::to_string(self.ledger.entries()) else { return };
        if text == self.kept {
            return;
        }
        let draft = file.with_extension("new");
        let written = std::fs::write(&draft, &text).and_then(|()| std::fs::rename(&draft, file));
        match written {
            Ok(()) => self.kept = text,
            // It is looked for anew then.
            Err(error) => say(&format!("cannot keep attachments in `{}`: {error}", file.display())),
        }
    }

    /// Says which pods cannot be policed, once each.
    fn tell(&mut self) {
        let told: BTreeSet<String> = self
            .ledger
            .attachments()
            .iter()
            .filter_map(|Attachment { uid, side, .. }| match side {
                Side::Missing(Obstacle::NoInterface) | Side::Interface { .. } | Side::Host => None,
                Side::Missing(obstacle) => {
                    Some(format!("the pod with the UID {uid} is not policed here: {obstacle}"))
                }
            })
            .collect();
        for new in told.difference(&self.said) {
            say(new);
        }
        self.said = told;
    }
}

/// Why the runtime's word was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The kernel does not answer.
    #[error("the kernel does not say where its interface leads: {0}")]
    Unknown(#[from] io::Error),
    /// It is not attached at all.
    #[error("it is in the network of the host itself, where it has no interface of its own")]
    HostNetwork,
    /// The plugin before has not done what it said.
    #[error("there is no such interface in its network namespace")]
    NoSuchInterface,
    /// It cannot be policed.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
}

/// Why a pod without a way to this host has none.
fn missing(kernel: &Kernel, netns: u32) -> Side {
    let links = kernel.links(Some(netns)).unwrap_or_default();
    // Every namespace has loopback, and where the module is loaded, tunnels that nobody uses.
    let own = links.iter().find(|link| {
        link.name != "lo"
            && !["ipip", "sit", "gre", "gretap", "erspan", "ip6tnl", "vti", "vti6"].contains(&&*link.kind)
    });
    Side::Missing(match own {
        Some(link) => Obstacle::NoHostSide { interface: link.name.clone(), kind: kind(link) },
        None => Obstacle::NoInterface,
    })
}

/// What a link is called whose kind the kernel has no name for.
fn kind(link: &Link) -> String {
    match link.kind.as_str() {
        "" => "device (a whole network card, or a part of one, as SR-IOV gives)".to_owned(),
        kind => kind.to_owned(),
    }
}

fn list(addresses: &[std::net::IpAddr]) -> String {
    match addresses {
        [] => "none".to_owned(),
        _ => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
